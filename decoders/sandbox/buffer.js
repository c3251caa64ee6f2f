// A minimal `Buffer` as codecs use it: bytes with the reading, writing and text methods of the one in Node.
(function () {
  "use strict";

  const { construct, apply } = Reflect;
  const Bytes = Uint8Array;
  const { fromCharCode, fromCodePoint } = String;
  const HEX = "0123456789abcdef";
  const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function Buffer(value, encodingOrOffset, length) {
    return typeof value === "number" ? Buffer.alloc(value) : Buffer.from(value, encodingOrOffset, length);
  }
  Object.setPrototypeOf(Buffer, Bytes);
  Buffer.prototype = Object.create(Bytes.prototype, {
    constructor: { value: Buffer, writable: true, configurable: true },
  });
  const made = (...given) => construct(Bytes, given, Buffer);

  const statics = {
    from(value, encodingOrOffset, length) {
      if (typeof value === "string") return made(encoded(value, encodingOrOffset));
      if (value instanceof ArrayBuffer) return made(value, encodingOrOffset, length);
      if (value?.type === "Buffer" && Array.isArray(value.data)) return made(value.data);
      if (typeof value !== "object" || value === null) {
        throw new TypeError("Buffer.from needs a string, bytes or an array");
      }
      return made(Array.from(value, (byte) => byte & 255));
    },
    alloc(size, fill, encoding) {
      const buffer = made(size);
      return fill === undefined ? buffer : buffer.fill(fill, 0, size, encoding);
    },
    concat(list, total) {
      const size = total ?? list.reduce((sum, part) => sum + part.length, 0);
      const whole = made(size);
      let at = 0;
      for (const part of list) {
        whole.set(part.length > size - at ? part.subarray(0, size - at) : part, at);
        at = Math.min(size, at + part.length);
      }
      return whole;
    },
    isBuffer: (value) => value instanceof Buffer,
    isEncoding: (name) => normal(name) in decoders,
    byteLength: (value, encoding) => (typeof value === "string" ? encoded(value, encoding).length : value.byteLength),
    compare(a, b) {
      for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      return Math.sign(a.length - b.length);
    },
  };
  statics.allocUnsafe = statics.alloc;
  statics.allocUnsafeSlow = statics.alloc;

  // ---- text -------------------------------------------------------------------------------------------------

  const ALIASES = { utf8: "utf8", "utf-8": "utf8", hex: "hex", base64: "base64", base64url: "base64url", ascii: "ascii",
    latin1: "latin1", binary: "latin1", ucs2: "utf16le", "ucs-2": "utf16le", utf16le: "utf16le",
    "utf-16le": "utf16le" };
  const normal = (encoding) => ALIASES[String(encoding ?? "utf8").toLowerCase()];

  function encoded(text, encoding) {
    const encode = encoders[normal(encoding)];
    if (encode === undefined) throw new TypeError("Unknown encoding: " + encoding);
    return encode(text);
  }

  const encoders = {
    utf8(text) {
      const bytes = [];
      for (const character of text.toWellFormed()) {
        const code = character.codePointAt(0);
        if (code < 0x80) bytes.push(code);
        else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
        else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
        else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      }
      return bytes;
    },
    hex(text) {
      const bytes = [];
      for (let i = 0; i + 1 < text.length; i += 2) {
        const high = HEX.indexOf(text[i].toLowerCase());
        const low = HEX.indexOf(text[i + 1].toLowerCase());
        if (high < 0 || low < 0) break;
        bytes.push(high * 16 + low);
      }
      return bytes;
    },
    base64(text) {
      const bytes = [];
      let bits = 0;
      let word = 0;
      for (const character of text) {
        if (character === "=") break;
        const value = BASE64.indexOf(character === "-" ? "+" : character === "_" ? "/" : character);
        if (value < 0) continue;
        word = ((word << 6) | value) & 0xffff;
        bits += 6;
        if (bits >= 8) bytes.push((word >> (bits -= 8)) & 255);
      }
      return bytes;
    },
    latin1: (text) => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i) & 255),
    utf16le(text) {
      const bytes = [];
      for (let i = 0; i < text.length; i++) bytes.push(text.charCodeAt(i) & 255, text.charCodeAt(i) >> 8);
      return bytes;
    },
  };
  encoders.ascii = encoders.latin1;
  encoders.base64url = encoders.base64;

  const decoders = {
    utf8: utf8Text,
    hex(bytes) {
      let text = "";
      for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i] >> 4] + HEX[bytes[i] & 15];
      return text;
    },
    base64(bytes) {
      let text = "";
      for (let i = 0; i < bytes.length; i += 3) {
        const word = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
        text += BASE64[word >> 18] + BASE64[(word >> 12) & 63];
        text += i + 1 < bytes.length ? BASE64[(word >> 6) & 63] : "=";
        text += i + 2 < bytes.length ? BASE64[word & 63] : "=";
      }
      return text;
    },
    base64url: (bytes) => decoders.base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""),
    ascii: (bytes) => mapped(bytes, (byte) => byte & 127),
    latin1: (bytes) => mapped(bytes, (byte) => byte),
    utf16le(bytes) {
      let text = "";
      for (let i = 0; i + 1 < bytes.length; i += 2) text += fromCharCode(bytes[i] | (bytes[i + 1] << 8));
      return text;
    },
  };

  function mapped(bytes, code) {
    let text = "";
    for (let i = 0; i < bytes.length; i++) text += fromCharCode(code(bytes[i]));
    return text;
  }

  // What is no UTF-8 becomes U+FFFD, one for each longest part that could have become a character.
  function utf8Text(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const first = bytes[i++];
      if (first < 0x80) {
        text += fromCharCode(first);
        continue;
      }
      let more = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
      let code = more === 0 ? -1 : first & (0x3f >> more);
      let lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      let highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      for (; more > 0; more--, lowest = 0x80, highest = 0xbf) {
        if (!(bytes[i] >= lowest && bytes[i] <= highest)) {
          code = -1;
          break;
        }
        code = (code << 6) | (bytes[i++] & 63);
      }
      text += code < 0 ? "\ufffd" : fromCodePoint(code);
    }
    return text;
  }

  // ---- methods ----------------------------------------------------------------------------------------------

  const { subarray, fill } = Bytes.prototype;
  const methods = {
    toString(encoding, start = 0, end = this.length) {
      const decode = decoders[normal(encoding)];
      if (decode === undefined) throw new TypeError("Unknown encoding: " + encoding);
      return decode(apply(subarray, this, [start, end]));
    },
    toJSON() { return { type: "Buffer", data: Array.from(this) }; },
    slice(start, end) { return apply(subarray, this, [start, end]); },
    equals(other) { return statics.compare(this, other) === 0; },
    compare(other) { return statics.compare(this, other); },
    copy(target, targetStart = 0, start = 0, end = this.length) {
      const part = apply(subarray, this, [start, Math.min(end, start + target.length - targetStart)]);
      target.set(part, targetStart);
      return part.length;
    },
    fill(value, start = 0, end = this.length, encoding) {
      if (typeof value !== "string") return apply(fill, this, [value & 255, start, end]);
      const pattern = encoded(value, encoding);
      for (let i = start; i < end; i++) this[i] = pattern.length ? pattern[(i - start) % pattern.length] : 0;
      return this;
    },
    write(text, offset = 0, length = this.length - offset, encoding) {
      if (typeof offset === "string") return this.write(text, 0, this.length, offset);
      if (typeof length === "string") return this.write(text, offset, this.length - offset, length);
      const bytes = encoded(text, encoding).slice(0, Math.min(length, this.length - offset));
      this.set(bytes, offset);
      return bytes.length;
    },
    indexOf(value, start = 0, encoding) {
      const text = typeof value === "string";
      const wanted = typeof value === "number" ? [value & 255] : text ? encoded(value, encoding) : value;
      for (let i = start; i + wanted.length <= this.length; i++) {
        let k = 0;
        while (k < wanted.length && this[i + k] === wanted[k]) k++;
        if (k === wanted.length) return i;
      }
      return -1;
    },
    includes(value, start, encoding) { return this.indexOf(value, start, encoding) >= 0; },
    readUIntBE(offset, size) { return word(this, offset, size, false); },
    readUIntLE(offset, size) { return word(this, offset, size, true); },
    readIntBE(offset, size) { return signed(word(this, offset, size, false), size); },
    readIntLE(offset, size) { return signed(word(this, offset, size, true), size); },
    writeUIntBE(value, offset, size) { return store(this, value, offset, size, false); },
    writeUIntLE(value, offset, size) { return store(this, value, offset, size, true); },
    writeIntBE(value, offset, size) { return store(this, value, offset, size, false); },
    writeIntLE(value, offset, size) { return store(this, value, offset, size, true); },
    swap16() { return swapped(this, 2); },
    swap32() { return swapped(this, 4); },
  };

  const outside = () => {
    const error = new RangeError("Attempt to access memory outside buffer bounds");
    error.code = "ERR_OUT_OF_RANGE";
    return error;
  };
  const view = (buffer, offset, size) => {
    if (!(offset >= 0 && offset + size <= buffer.length)) throw outside();
    return new DataView(buffer.buffer, buffer.byteOffset + offset, size);
  };
  function word(buffer, offset = 0, size, little) {
    view(buffer, offset, size);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + buffer[offset + (little ? size - 1 - i : i)];
    return value;
  }
  const signed = (value, size) => (value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value);
  function store(buffer, value, offset = 0, size, little) {
    view(buffer, offset, size);
    let rest = value < 0 ? value + 2 ** (8 * size) : value;
    for (let i = 0; i < size; i++, rest = Math.floor(rest / 256)) {
      buffer[offset + (little ? i : size - 1 - i)] = rest & 255;
    }
    return offset + size;
  }
  function swapped(buffer, size) {
    for (let i = 0; i + size <= buffer.length; i += size) apply(subarray, buffer, [i, i + size]).reverse();
    return buffer;
  }

  const NUMBERS = [["UInt8", 1], ["Int8", 1], ["UInt16", 2], ["Int16", 2], ["UInt32", 4], ["Int32", 4], ["Float", 4],
    ["Double", 8], ["BigUInt64", 8], ["BigInt64", 8]];
  const VIEWS = { UInt8: "Uint8", UInt16: "Uint16", UInt32: "Uint32", Float: "Float32", Double: "Float64",
    BigUInt64: "BigUint64" };
  for (const [name, size] of NUMBERS) {
    const type = VIEWS[name] ?? name;
    for (const order of size === 1 ? [""] : ["BE", "LE"]) {
      const read = DataView.prototype["get" + type];
      const write = DataView.prototype["set" + type];
      methods["read" + name + order] = function (offset = 0) {
        return apply(read, view(this, offset, size), [0, order === "LE"]);
      };
      methods["write" + name + order] = function (value, offset = 0) {
        apply(write, view(this, offset, size), [0, value, order === "LE"]);
        return offset + size;
      };
    }
  }
  for (const name of Object.keys(methods)) {
    if (name.includes("UInt")) methods[name.replace("UInt", "Uint")] = methods[name];
  }

  const install = (object, members) => {
    for (const name of Object.keys(members)) {
      Object.defineProperty(object, name, { value: members[name], writable: true, configurable: true });
    }
  };
  install(Buffer, statics);
  install(Buffer.prototype, methods);
  return Buffer;
})
