function decodeUplink(input) { Array.prototype.calls = (Array.prototype.calls || 0) + 1; return { data: { calls: Array.prototype.calls || 1 } }; }
