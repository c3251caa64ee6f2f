// expect: memory
function decodeUplink() { return { data: { text: "x".repeat(1 << 28) } }; }
