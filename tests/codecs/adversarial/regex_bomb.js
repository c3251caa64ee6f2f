// expect: overrun
function decodeUplink() { return { data: { ok: /^(a+)+$/.test("a".repeat(64) + "b") } }; }
