function decodeUplink() { decodeUplink.calls = (decodeUplink.calls || 0) + 1; return { data: { calls: decodeUplink.calls } }; }
