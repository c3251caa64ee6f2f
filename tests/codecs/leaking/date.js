function decodeUplink() { Date.calls = (Date.calls || 0) + 1; return { data: { calls: Date.calls || 1 } }; }
