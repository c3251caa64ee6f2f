function decodeUplink() { context.push(1); return { data: { calls: context.length } }; }
