// expect: threw
function decodeUplink() { return { data: { toJSON() { throw new Error("no JSON"); } } }; }
