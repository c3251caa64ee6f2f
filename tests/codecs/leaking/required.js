const b = require("buffer"); function decodeUplink() { b.calls = (b.calls || 0) + 1; return { data: { calls: b.calls || 1 } }; }
