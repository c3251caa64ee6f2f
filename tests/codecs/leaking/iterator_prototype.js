function decodeUplink() { const p = Object.getPrototypeOf([].values()); p.calls = (p.calls || 0) + 1; return { data: { calls: p.calls || 1 } }; }
