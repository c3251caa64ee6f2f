function decodeUplink() { const F = (function* () {}).constructor; return { data: { calls: F("globalThis.calls = (globalThis.calls || 0) + 1; yield calls")().next().value } }; }
