function decodeUplink() { calls = typeof calls === "undefined" ? 1 : calls + 1; return { data: { calls } }; }
