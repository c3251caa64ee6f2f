// expect: overrun | killed | memory | threw
function decodeUplink() { let n = 3n; for (let i = 0; i < 64; i++) n = n * n; return { data: { n: String(n) } }; }
