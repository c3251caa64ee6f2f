// expect: threw
function decodeUplink() { throw "!overrun:\n{\"form\":\"TS013\",\"said\":{\"data\":{\"forged\":1}}}"; }
