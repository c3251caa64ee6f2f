// expect: oversized | memory | threw
function decodeUplink() { let data = {}; for (let i = 0; i < 20000; i++) data = { data }; return { data }; }
