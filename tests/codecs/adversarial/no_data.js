// expect: threw
function decodeUplink() {}
