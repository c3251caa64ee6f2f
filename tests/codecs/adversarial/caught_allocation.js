// expect: data {"caught":true}
function decodeUplink() { try { new Uint8Array(1 << 28); } catch (e) { return { data: { caught: true } }; } }
