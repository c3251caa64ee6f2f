function decodeUplink() { const calls = (globalThis.inherited || 0) + 1; Object.setPrototypeOf(globalThis, { inherited: calls, __proto__: Object.prototype }); return { data: { calls } }; }
