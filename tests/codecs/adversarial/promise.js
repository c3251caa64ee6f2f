// expect: threw
async function decodeUplink() { return { data: { value: 1 } }; }
