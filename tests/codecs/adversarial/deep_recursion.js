// expect: memory
function decodeUplink() { return decodeUplink(); }
