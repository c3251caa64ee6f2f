if (!Math.calls) Object.defineProperty(Math, "calls", { value: { n: 0 } }); function decodeUplink() { return { data: { calls: ++Math.calls.n } }; }
