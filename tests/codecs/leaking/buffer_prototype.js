function decodeUplink() { const p = Buffer.prototype; p.calls = (p.calls || 0) + 1; return { data: { calls: p.calls || 1 } }; }
