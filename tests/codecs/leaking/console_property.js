function decodeUplink() { console.calls = (console.calls || 0) + 1; return { data: { calls: console.calls || 1 } }; }
