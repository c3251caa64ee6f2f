// expect: oversized
function decodeUplink() { return { data: { text: "x".repeat(1 << 20) } }; }
