// The world of one codec: what it sees and how it is called.
//
// Evaluates to a function that gets the text of `buffer.js` and returns the operations of this realm. Everything of
// the language that is used after a codec has run was taken aside before, and nothing here looks up a property on
// an object that a codec may have changed.
(function (bufferText) {
  "use strict";

  const { apply, construct, defineProperty, getOwnPropertyDescriptor: descriptor, ownKeys } = Reflect;
  const { create, freeze } = Object;
  const evaluate = eval;
  const { isArray } = Array;
  const { parse, stringify } = JSON;
  const { isSafeInteger } = Number;
  const toText = String;
  const toNumber = Number;
  const RealDate = Date;
  const RealError = Error;
  const RealProxy = Proxy;
  const WordArray = Uint32Array;
  const bound = Function.prototype.call.bind(Function.prototype.bind, Function.prototype.call);
  const indexOf = bound(String.prototype.indexOf);
  const slice = bound(String.prototype.slice);
  const iso = bound(Date.prototype.toISOString);
  const wellFormed = bound(String.prototype.toWellFormed);
  const world = globalThis;

  const MAX_RESULT = 65536;
  const MAX_TEXT = 500;
  const MAX_LINES = 20;
  const CODE_FROM_TEXT = [Function, (function* () {}).constructor, (async () => {}).constructor,
    (async function* () {}).constructor];

  let now = 0; // the present of the codec: the time of the uplink that it decodes
  let printed = [];

  const define = (object, key, value) =>
    defineProperty(object, key, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
  const short = (text) => wellFormed(text.length > MAX_TEXT ? slice(text, 0, MAX_TEXT) + "…" : text);

  // ---- what a codec sees ------------------------------------------------------------------------------------

  // Beyond computing: a clock, threads, the garbage collector, jobs that nobody runs.
  for (const name of ["performance", "Atomics", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry",
    "queueMicrotask"]) delete world[name];
  delete Error.stackTraceLimit; // settings of the engine that would outlive a call
  delete Error.prepareStackTrace;

  function UplinkDate(...parts) {
    if (new.target === undefined) return toText(new RealDate(now));
    return construct(RealDate, parts.length ? parts : [now], new.target);
  }
  for (const key of ownKeys(RealDate)) defineProperty(UplinkDate, key, descriptor(RealDate, key));
  define(UplinkDate, "now", { now() { return now; } }.now);
  define(RealDate.prototype, "constructor", UplinkDate);
  define(world, "Date", UplinkDate);

  // The engine has no `Intl`; without a choice of the codec the texts are those of other engines for US English.
  const two = (number) => (number < 10 ? "0" : "") + number;
  const clockText = (date) => {
    const hour = date.getUTCHours();
    const minutes = two(date.getUTCMinutes()) + ":" + two(date.getUTCSeconds());
    return (hour % 12 || 12) + ":" + minutes + (hour < 12 ? " AM" : " PM");
  };
  const dateText = (date) => date.getUTCMonth() + 1 + "/" + date.getUTCDate() + "/" + date.getUTCFullYear();
  const isUsual = (locale, choice) => (locale === undefined || locale === "en-US") && choice === undefined;
  const localTexts = {
    toLocaleString: (date) => dateText(date) + ", " + clockText(date),
    toLocaleDateString: dateText,
    toLocaleTimeString: clockText,
  };
  for (const name of ownKeys(localTexts)) {
    const [text, native] = [localTexts[name], RealDate.prototype[name]];
    define(RealDate.prototype, name, { [name](locale, choice) {
      const shown = isUsual(locale, choice) && this.getTime() === this.getTime();
      return shown ? text(this) : apply(native, this, [locale, choice]);
    } }[name]);
  }

  const random = new WordArray(1); // the same call gives the same result, so chance is the same, too
  define(Math, "random", { random() {
    let word = (random[0] += 0x6d2b79f5);
    word = Math.imul(word ^ (word >>> 15), word | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 4294967296;
  } }.random);

  // `recvTime`: a Date for codecs that compute with it, an ISO string for those that echo or cut it.
  const receiveTime = create(RealDate.prototype);
  define(receiveTime, "toString", { toString() { return iso(this); } }.toString);
  for (const name of ownKeys(String.prototype)) {
    const method = String.prototype[name];
    if (typeof method !== "function" || name in RealDate.prototype) continue;
    define(receiveTime, name, { method(...given) { return apply(method, iso(this), given); } }.method);
  }
  defineProperty(receiveTime, "length", { get() { return iso(this).length; }, configurable: true });
  function ReceiveTime() {}
  ReceiveTime.prototype = receiveTime;

  const levels = ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "group", "groupEnd", "time",
    "timeEnd", "assert"];
  const console = {};
  const print = (...parts) => {
    if (printed.length >= MAX_LINES) return;
    let line = "";
    for (let i = 0; i < parts.length && line.length <= MAX_TEXT; i++) line += (i ? " " : "") + shown(parts[i]);
    define(printed, printed.length, short(line));
  };
  const shown = (value) => {
    if (typeof value !== "object" || value === null) return toText(value);
    try {
      return stringify(value);
    } catch (_) {
      return "an object without JSON"; // printing fails nowhere else: circles, BigInt
    }
  };
  for (const level of levels) define(console, level, { print(...parts) { print(...parts); } }.print);
  define(world, "console", console);

  // `Buffer` is made when it is asked for: most codecs do without.
  let made;
  const buffer = () => (made ??= evaluate(bufferText)());
  const bufferModule = { get Buffer() { return buffer(); } };
  const modules = { __proto__: null, buffer: bufferModule, "node:buffer": bufferModule };
  const ownBuffer = (given) => { define(world, "Buffer", given); };
  defineProperty(world, "Buffer", { get: buffer, set: ownBuffer, configurable: true });
  const makeAll = () => {
    define(world, "Buffer", buffer());
    define(bufferModule, "Buffer", buffer());
  };
  const absent = (name) => new RealProxy(function () {}, {
    get(_, key) {
      if (key === "then") return undefined;
      if (typeof key === "symbol") throw missing(name);
      return absent(name);
    },
    apply() { throw missing(name); },
    construct() { throw missing(name); },
  });
  const missing = (name) => new RealError("the module '" + name + "' is not available to a codec");
  define(world, "require", { require(name) { return modules[name] || absent(short(toText(name))); } }.require);

  // ---- one call ---------------------------------------------------------------------------------------------

  let factory;

  function run(bytes, fPort, at, variables) {
    now = at;
    random[0] = at % 4294967296;
    printed = [];
    const module = { exports: {} };
    define(world, "module", module);
    define(world, "exports", module.exports);
    define(world, "context", []);
    let entry;
    try {
      entry = load(module);
    } catch (thrown) {
      return failure("not_loaded", thrown);
    }
    if (entry === undefined) {
      return "!not_loaded:no decodeUplink, Decode or Decoder function";
    }
    try {
      const recvTime = construct(RealDate, [at], ReceiveTime);
      const given = { bytes: parse(bytes), fPort, recvTime, variables: parse(variables) };
      return answer(entry, given);
    } catch (thrown) {
      return failure("threw", thrown);
    }
  }

  function load(module) {
    let named = () => [];
    apply(factory, module.exports, [(names) => { named = names; }]);
    const [decodeUplink, driver, decode, decoder, normalizeUplink] = named();
    const places = [{ decodeUplink, normalizeUplink }, module.exports, module.exports?.default, driver];
    for (let i = 0; i < places.length; i++) {
      const place = places[i];
      if (typeof place?.decodeUplink !== "function") continue;
      const normalize = typeof normalizeUplink === "function" ? normalizeUplink : place.normalizeUplink;
      return { form: "TS013", owner: i ? place : undefined, decode: place.decodeUplink, normalize };
    }
    if (typeof module.exports?.default === "function") {
      return { form: "TS013", decode: module.exports.default, normalize: normalizeUplink };
    }
    const chirpstack = decode ?? module.exports?.Decode;
    if (typeof chirpstack === "function") return { form: "Decode", decode: chirpstack, normalize: normalizeUplink };
    const thethings = decoder ?? module.exports?.Decoder;
    if (typeof thethings === "function") return { form: "Decoder", decode: thethings, normalize: normalizeUplink };
    return undefined;
  }

  function answer({ form, owner, decode, normalize }, { bytes, fPort, recvTime, variables }) {
    let said;
    if (form === "TS013") said = apply(decode, owner, [{ bytes, fPort, recvTime, variables }]);
    else if (form === "Decode") said = apply(decode, owner, [fPort, bytes, variables]);
    else said = apply(decode, owner, [bytes, fPort]);
    if (typeof said?.then === "function") return "!threw:it returned a promise; a codec answers at once";
    const whole = { __proto__: null, form, said, errors: form === "TS013" ? messages(said?.errors) : undefined };
    if (typeof normalize === "function" && !whole.errors) {
      try {
        whole.normalized = apply(normalize, owner, [form === "TS013" ? said : { data: said }]);
      } catch (thrown) {
        whole.normalized = { errors: [described(thrown)] };
      }
    }
    if (printed.length) whole.console = printed;
    const text = json(whole);
    return text.length > MAX_RESULT ? "!oversized:its result is larger than " + MAX_RESULT + " characters" : text;
  }

  // Errors as texts: an `Error` among them would be an empty object in JSON.
  function messages(errors) {
    if (!isArray(errors)) return errors || undefined;
    const texts = [];
    for (let i = 0; i < errors.length && i < MAX_LINES; i++) {
      define(texts, i, errors[i] instanceof RealError ? described(errors[i]) : errors[i]);
      defineProperty(texts, i, { enumerable: true });
    }
    return texts.length ? texts : undefined;
  }

  function json(whole) {
    try {
      return stringify(whole);
    } catch (thrown) {
      return stringify(whole, (_, value) => {
        if (typeof value !== "bigint") return value;
        const number = toNumber(value);
        return isSafeInteger(number) ? number : toText(value);
      });
    }
  }

  function failure(kind, thrown) {
    // What the engine throws when there is no memory for an error either; a codec that throws it has itself to blame.
    if (thrown === null) return "!memory:null was thrown, as when no memory is left";
    const text = described(thrown);
    if (indexOf(text, "out of memory") >= 0 || indexOf(text, "Maximum call stack size") >= 0) kind = "memory";
    return "!" + kind + ":" + text;
  }

  function described(thrown) {
    try {
      if (typeof thrown !== "object" || thrown === null) return short(toText(thrown));
      const text = "message" in thrown ? (thrown.name ?? "Error") + ": " + thrown.message : stringify(thrown);
      return short(toText(text)) + line(thrown.stack);
    } catch (_) {
      return "it threw what cannot be shown";
    }
  }

  function line(stack) {
    if (typeof stack !== "string") return "";
    const start = indexOf(stack, "<input>:");
    if (start < 0) return "";
    const end = indexOf(stack, ":", start + 8);
    return " (line " + slice(stack, start + 8, end < 0 ? start + 14 : end) + ")";
  }

  const operations = {
    __proto__: null,
    use: (made) => { factory = freeze(made); },
    run,
    inside: { __proto__: null, run, define, makeAll, receiveTime, bufferModule, CODE_FROM_TEXT },
  };
  return (name) => operations[name];
})
