function decodeUplink() { const calls = typeof parseInt === "undefined" ? 2 : 1; delete globalThis.parseInt; return { data: { calls } }; }
