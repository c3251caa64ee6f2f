// expect: threw
function decodeUplink() { return { data: { get value() { throw new Error("no value"); } } }; }
