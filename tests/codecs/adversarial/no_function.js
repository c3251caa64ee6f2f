// expect: not_loaded
var decodeUplink = { data: {} };
