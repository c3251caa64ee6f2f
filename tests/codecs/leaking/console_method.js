function decodeUplink() { const f = console.log; f.calls = (f.calls || 0) + 1; return { data: { calls: f.calls || 1 } }; }
