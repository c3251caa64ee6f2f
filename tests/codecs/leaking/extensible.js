function decodeUplink() { const calls = Object.isExtensible(globalThis) ? 1 : 2; Object.preventExtensions(globalThis); return { data: { calls } }; }
