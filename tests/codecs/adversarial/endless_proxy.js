// expect: overrun
function decodeUplink() { return new Proxy({}, { ownKeys() { for (;;); } }); }
