// expect: memory
function decodeUplink() { throw null; }
