// expect: memory
function decodeUplink() { return { data: { size: new Uint8Array(1 << 28).length } }; }
