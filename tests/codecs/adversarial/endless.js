// expect: overrun
function decodeUplink() { for (;;); }
