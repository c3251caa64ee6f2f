// A weather station as a CommonJS module that replaces `module.exports`, and brings what its vendor missed in the language.
//
// Port 8: pairs of a type and a big-endian word. 1: air temperature 0.1 °C signed, 2: relative humidity 0.1 %, 3: rain mm.

Object.defineProperty(Object, "assign", {
  enumerable: false,
  configurable: true,
  writable: true,
  value: function (target) {
    for (let i = 1; i < arguments.length; i++) for (const key in arguments[i]) target[key] = arguments[i][key];
    return target;
  },
});
Array.prototype.word = function (at) {
  return (this[at] << 8) | this[at + 1];
};

const READERS = {
  1: (bytes, at) => ({ temperature: ((bytes.word(at) << 16) >> 16) / 10 }),
  2: (bytes, at) => ({ humidity: bytes.word(at) / 10 }),
  3: (bytes, at) => ({ rain: bytes.word(at) }),
};

module.exports = {
  decodeUplink(input) {
    const data = {};
    for (let at = 0; at + 2 < input.bytes.length; at += 3) {
      const read = READERS[input.bytes[at]];
      if (!read) return { data, warnings: ["unknown type " + input.bytes[at]] };
      Object.assign(data, read(input.bytes, at + 1));
    }
    return { data };
  },
};
