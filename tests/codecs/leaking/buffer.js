function decodeUplink() { Buffer.calls = (Buffer.calls || 0) + 1; return { data: { calls: Buffer.calls || 1 } }; }
