function decodeUplink() { const p = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)); p.calls = (p.calls || 0) + 1; return { data: { calls: p.calls || 1 } }; }
