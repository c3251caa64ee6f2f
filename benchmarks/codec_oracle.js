// What Node says to the same examples: one line of JSON per example, for `benchmarks.codec_conformance`.
//
//   node codec_oracle.js FILE.js < inputs.json
//
// Every example gets a context of its own with what the published test programs offer: `Buffer`, `module`, `exports`,
// a `require` that knows `buffer`, `console`, `context`. The present is the example's own time, as in the sandbox.
"use strict";
const fs = require("fs");
const vm = require("vm");

const source = fs.readFileSync(process.argv[2], "utf8").replace(/^\ufeff/, "");
const inputs = JSON.parse(fs.readFileSync(0, "utf8"));

const CLOCK = `{
  const Real = Date;
  globalThis.Date = class Date extends Real {
    constructor(...parts) { super(...(parts.length ? parts : [globalThis.__now])); }
    static now() { return globalThis.__now; }
  };
}`;
const CALL = `(function () {
  const given = JSON.parse(__given);
  delete globalThis.__given;
  const is = (f) => typeof f === "function";
  const own = { decodeUplink: typeof decodeUplink === "undefined" ? undefined : decodeUplink };
  for (const place of [own, module.exports, module.exports && module.exports.default,
    typeof driver === "undefined" ? undefined : driver]) {
    if (place && is(place.decodeUplink)) return place.decodeUplink(given);
  }
  if (typeof Decode !== "undefined" && is(Decode)) return { data: Decode(given.fPort, given.bytes, given.variables) };
  if (typeof Decoder !== "undefined" && is(Decoder)) return { data: Decoder(given.bytes, given.fPort) };
  throw new Error("no function to call");
})()`;

function decoded(input) {
  const module = { exports: {} };
  const silent = Object.fromEntries(["log", "info", "warn", "error", "debug", "table"].map((name) => [name, () => {}]));
  const requireOnly = (name) => {
    if (name === "buffer" || name === "node:buffer") return { Buffer };
    throw new Error("needs the package " + name);
  };
  const globals = { module, exports: module.exports, require: requireOnly, console: silent, context: [], Buffer,
    __now: Date.parse(input.recvTime), __given: JSON.stringify({ ...input, variables: input.variables ?? {} }) };
  try {
    const context = vm.createContext(globals);
    vm.runInContext(CLOCK, context);
    vm.runInContext(source, context, { timeout: 1000 });
    const said = vm.runInContext(CALL, context, { timeout: 1000 });
    return JSON.stringify({ said: said === undefined ? null : said });
  } catch (error) {
    return JSON.stringify({ threw: String(error && error.message) });
  }
}

for (const input of inputs) {
  const line = decoded(input);
  process.stdout.write((line === decoded(input) ? line : JSON.stringify({ threw: "not twice the same" })) + "\n");
}
