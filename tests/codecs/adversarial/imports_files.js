// expect: not_loaded
import * as fs from "fs";
export function decodeUplink() { return { data: { files: fs.readdirSync("/") } }; }
