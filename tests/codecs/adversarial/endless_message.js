// expect: overrun
function decodeUplink() { throw { get message() { for (;;); } }; }
