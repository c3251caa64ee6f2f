const me = arguments.callee; function decodeUplink() { me.calls = (me.calls || 0) + 1; return { data: { calls: me.calls || 1 } }; }
