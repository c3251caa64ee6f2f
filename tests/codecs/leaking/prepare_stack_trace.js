function decodeUplink() { const f = Error.prepareStackTrace || (() => 0); f.calls = (f.calls || 0) + 1; Error.prepareStackTrace = f; return { data: { calls: f.calls } }; }
