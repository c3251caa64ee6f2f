module.exports.calls = (module.exports.calls || 0) + 1; exports.decodeUplink = () => ({ data: { calls: module.exports.calls } });
