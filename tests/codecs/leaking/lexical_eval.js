function decodeUplink() { try { return { data: { calls: (0, eval)("++calls") } }; } catch (e) { (0, eval)("let calls = 1"); return { data: { calls: 1 } }; } }
