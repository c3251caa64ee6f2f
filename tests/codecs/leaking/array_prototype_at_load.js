Array.prototype.calls = (Array.prototype.calls || 0) + 1; function decodeUplink(input) { return { data: { calls: input.bytes.calls } }; }
