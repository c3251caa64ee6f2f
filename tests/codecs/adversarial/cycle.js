// expect: threw
function decodeUplink() { const data = {}; data.self = data; return { data }; }
