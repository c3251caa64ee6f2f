// expect: threw
function decodeUplink() { return { data: 5 }; }
