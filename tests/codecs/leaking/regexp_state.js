const all = /a/g; function decodeUplink() { let calls = 0; while (all.test("aaa") && calls < 1) calls++; return { data: { calls } }; }
