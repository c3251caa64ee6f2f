// expect: overrun
while (true) {}
function decodeUplink() { return { data: {} }; }
