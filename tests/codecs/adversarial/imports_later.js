// expect: threw
function decodeUplink() { return import("std").then((std) => ({ data: { std } })); }
