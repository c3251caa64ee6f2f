Object.prototype.calls = (Object.prototype.calls || 0) + 1; function decodeUplink(input) { const calls = input.calls; return { data: { calls: calls } }; }
