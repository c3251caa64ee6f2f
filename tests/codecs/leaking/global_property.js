function decodeUplink() { globalThis.calls = (globalThis.calls || 0) + 1; return { data: { calls } }; }
