// expect: oversized | memory
function decodeUplink() { let data = []; for (let i = 0; i < 1200; i++) data = [data]; return { data }; }
