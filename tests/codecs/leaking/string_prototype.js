function decodeUplink() { String.prototype.calls = (String.prototype.calls || 0) + 1; return { data: { calls: "".calls || 1 } }; }
