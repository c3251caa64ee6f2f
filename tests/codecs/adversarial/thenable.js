// expect: threw
function decodeUplink() { return { then(resolve) { resolve({ data: {} }); } }; }
