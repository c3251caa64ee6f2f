// expect: overrun
function decodeUplink() { return { data: { get value() { for (;;); } } }; }
