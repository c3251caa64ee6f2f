function decodeUplink() { Math.calls = (Math.calls || 0) + 1; return { data: { calls: Math.calls || 1 } }; }
