function decodeUplink() { const calls = (Error.stackTraceLimit > 100 ? Error.stackTraceLimit - 100 : 0) + 1; Error.stackTraceLimit = 100 + calls; return { data: { calls } }; }
