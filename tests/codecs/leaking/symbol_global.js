const key = Symbol.for("calls"); function decodeUplink() { globalThis[key] = (globalThis[key] || 0) + 1; return { data: { calls: globalThis[key] } }; }
