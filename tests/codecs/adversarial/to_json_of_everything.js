// expect: data {}
Object.prototype.toJSON = function () { return {}; };
function decodeUplink() { return { data: { value: 1 } }; }
