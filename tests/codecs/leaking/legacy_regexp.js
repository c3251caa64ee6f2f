function decodeUplink() { const calls = (RegExp.$1 ? Number(RegExp.$1) : 0) + 1; /(\d+)/.exec(String(calls)); return { data: { calls } }; }
