function decodeUplink(input) { const p = Object.getPrototypeOf(input.recvTime); p.calls = (p.calls || 0) + 1; return { data: { calls: p.calls || 1 } }; }
