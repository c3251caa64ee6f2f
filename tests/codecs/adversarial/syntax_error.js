// expect: not_loaded
function decodeUplink( { return { data: {} }; }
