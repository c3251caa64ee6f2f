// expect: threw
function decodeUplink() { throw { get message() { throw this; }, toString() { throw this; } }; }
