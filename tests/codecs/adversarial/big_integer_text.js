// expect: overrun | killed | memory | threw
function decodeUplink() { let n = 7n ** 250000n; for (;;) String(n); }
