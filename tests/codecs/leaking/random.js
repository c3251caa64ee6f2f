function decodeUplink() { return { data: { calls: Math.random() === Math.random() ? 0 : 1 } }; }
