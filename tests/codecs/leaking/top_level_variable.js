let calls = 0; function decodeUplink() { return { data: { calls: ++calls } }; }
