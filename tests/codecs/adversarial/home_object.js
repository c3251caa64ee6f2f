// expect: not_loaded
const home = Object.getPrototypeOf(super.constructor); function decodeUplink() { home.calls = (home.calls || 0) + 1; return { data: { calls: home.calls || 1 } }; }
