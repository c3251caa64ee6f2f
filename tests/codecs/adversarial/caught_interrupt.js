// expect: overrun
function decodeUplink() { try { for (;;); } catch (e) { return { data: { escaped: true } }; } finally { return { data: { escaped: true } }; } }
