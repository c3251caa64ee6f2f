function decodeUplink() { const calls = (parseInt.calls || 0) + 1; parseInt = Object.assign(() => 0, { calls }); return { data: { calls } }; }
