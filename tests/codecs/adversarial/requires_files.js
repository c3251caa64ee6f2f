// expect: threw
const fs = require("fs");
function decodeUplink() { return { data: { files: fs.readdirSync("/") } }; }
