function decodeUplink() { return { data: { calls: (0, eval)("var calls = (typeof calls === 'undefined' ? 0 : calls) + 1; calls") } }; }
