// expect: threw
function decodeUplink() { return { data: { waited: Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1e6) } }; }
