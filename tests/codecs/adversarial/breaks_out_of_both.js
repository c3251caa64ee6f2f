// expect: not_loaded
}}).codec; globalThis.outside = (globalThis.outside || 0) + 1; ({codec() {
function decodeUplink() { return { data: { outside } }; }
