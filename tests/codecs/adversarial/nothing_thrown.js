// expect: threw
function decodeUplink() { throw null; }
