const me = arguments.callee; function decodeUplink() { const kept = me.prototype || {}; kept.calls = (kept.calls || 0) + 1; return { data: { calls: kept.calls } }; }
