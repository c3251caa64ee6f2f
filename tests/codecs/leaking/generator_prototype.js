function decodeUplink() { const p = Object.getPrototypeOf(function* () {}); p.calls = (p.calls || 0) + 1; return { data: { calls: p.calls || 1 } }; }
