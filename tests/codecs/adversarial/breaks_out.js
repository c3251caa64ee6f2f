// expect: not_loaded
}, (globalThis.outside = (globalThis.outside || 0) + 1), function () {
function decodeUplink() { return { data: { outside } }; }
