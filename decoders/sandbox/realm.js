// The world of one codec: what it sees, how it is called, and how what it left behind is removed.
//
// Evaluates to a function that gets the maker of `Buffer` and returns the operations of this realm. Everything of
// the language that is used after a codec has run was taken aside before, and nothing here looks up a property on
// an object that a codec may have changed.
(function (makeBuffer) {
  "use strict";

  const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor: descriptor } = Reflect;
  const { getPrototypeOf, isExtensible, ownKeys, preventExtensions } = Reflect;
  const { create, is } = Object;
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
  const CHANGED_IN_EVERY_CALL = { __proto__: null, module: 1, exports: 1, context: 1 };
  const CODE_FROM_TEXT = [Function, (function* () {}).constructor, (async () => {}).constructor,
    (async function* () {}).constructor];

  let now = 0; // the present of the codec: the time of the uplink that it decodes
  let printed = [];
  let wantsFreshRealm = false;

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
    return (hour % 12 || 12) + ":" + two(date.getUTCMinutes()) + ":" + two(date.getUTCSeconds()) + (hour < 12 ? " AM" : " PM");
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
      return isUsual(locale, choice) && this.getTime() === this.getTime() ? text(this) : apply(native, this, [locale, choice]);
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
  const shown = (value) => (typeof value === "object" && value !== null ? stringify(value) : toText(value));
  for (const level of levels) define(console, level, { print(...parts) { print(...parts); } }.print);
  define(world, "console", console);

  const Buffer = makeBuffer();
  define(world, "Buffer", Buffer);
  const modules = { __proto__: null, buffer: { Buffer }, "node:buffer": { Buffer } };
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

  // ---- what a codec changed, and how it is undone -----------------------------------------------------------

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // Every object of the language that a codec can reach, in the same order in every realm.
  function intrinsics() {
    const found = [];
    const seen = new Set();
    const add = (value) => {
      if (!isObject(value) || value === world || seen.has(value)) return;
      seen.add(value);
      found.push(value);
    };
    const owned = (object) => {
      for (const key of ownKeys(object)) {
        const { value, get, set } = descriptor(object, key);
        add(value), add(get), add(set);
      }
      add(getPrototypeOf(object));
    };
    owned(world);
    const iterators = [[].values(), new Map().entries(), new Set().values(), ""[Symbol.iterator](), "".matchAll(/x/g),
      [].values().map((value) => value), Iterator.from({ next() {} }), (function* () {})(), (async function* () {})()];
    for (const hidden of [...CODE_FROM_TEXT, ...iterators, descriptor((function () { "use strict"; return arguments; })(), "callee").get]) {
      add(typeof hidden === "function" ? hidden : getPrototypeOf(hidden));
    }
    for (const entry of [modules.buffer, modules["node:buffer"], receiveTime]) add(entry);
    for (let i = 0; i < found.length; i++) owned(found[i]);
    return found;
  }

  let watched = [];

  function watch() {
    const state = (object) => {
      const keys = ownKeys(object);
      const properties = create(null);
      for (const key of keys) properties[key] = descriptor(object, key);
      return { object, keys, properties, prototype: getPrototypeOf(object), extensible: isExtensible(object) };
    };
    watched = [state(world), ...intrinsics().map(state)];
  }

  // What differs from the state that `watch` saw, as [[number of object, key, enumerable]…]; `null` when it cannot be
  // laid down as properties that are reset after every call.
  function changes() {
    let text = "";
    for (let i = 0; i < watched.length; i++) {
      const { object, keys, properties, prototype, extensible } = watched[i];
      if (getPrototypeOf(object) !== prototype || isExtensible(object) !== extensible) return "null";
      for (let k = 0; k < keys.length; k++) {
        const key = keys[k];
        const after = descriptor(object, key);
        if (i === 0 && key in CHANGED_IN_EVERY_CALL) continue;
        if (after !== undefined && same(properties[key], after)) continue;
        if (!isPatch(key, after)) return "null";
        text += ",[" + i + "," + stringify(key) + "," + after.enumerable + "]";
      }
      if (i === 0) continue; // globals that were added are removed after every call
      const keysNow = ownKeys(object);
      for (let k = 0; k < keysNow.length; k++) {
        const key = keysNow[k];
        if (key in properties) continue;
        const after = descriptor(object, key);
        if (!isPatch(key, after)) return "null";
        text += ",[" + i + "," + stringify(key) + "," + after.enumerable + "]";
      }
    }
    return "[" + slice(text, 1) + "]";
  }

  const isPatch = (key, after) =>
    typeof key === "string" && after !== undefined && "value" in after && after.configurable && after.writable;
  const same = (a, b) => is(a.value, b.value) && a.get === b.get && a.set === b.set && a.writable === b.writable
    && a.enumerable === b.enumerable && a.configurable === b.configurable;

  let baseline = create(null);
  let baselineSize = 0;
  let resets = [];

  // From here on the language cannot be changed, except for the properties that this codec changes whenever it loads:
  // those are reset after every call.
  function seal(patchText) {
    const objects = [world, ...intrinsics()]; // in the order of `watch`, so before anything is replaced
    objects.push(...CODE_FROM_TEXT.map(withoutCodeFromText));
    const noEval = { eval() { throw needsFreshRealm(); } }.eval;
    define(world, "eval", noEval);
    objects.push(noEval);
    const patches = new Map();
    for (const [index, key, enumerable] of parse(patchText)) {
      if (!patches.has(index)) patches.set(index, new Map());
      patches.get(index).set(key, enumerable);
    }
    const tolerant = new Set([Object.prototype, Function.prototype, Error.prototype,
      ...[EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError].map((e) => e.prototype)]);
    objects.forEach((object, index) => {
      const patched = patches.get(index) ?? new Map();
      for (const key of ownKeys(object)) {
        if (patched.has(key) || (object === world && key in CHANGED_IN_EVERY_CALL)) continue;
        harden(object, key, tolerant.has(object));
      }
      patched.forEach((enumerable, key) => {
        const before = descriptor(object, key)
          ?? { __proto__: null, value: undefined, writable: true, enumerable, configurable: true };
        defineProperty(object, key, before);
        resets.push([object, key, before]);
      });
      if (object !== world) preventExtensions(object);
    });
    for (const key of ownKeys(world)) baseline[key] = true;
    for (const key of ["module", "exports", "context"]) baseline[key] = true;
    baselineSize = ownKeys(baseline).length;
  }

  function needsFreshRealm() {
    wantsFreshRealm = true;
    return new RealError("needs a realm of its own");
  }

  function withoutCodeFromText(original) {
    const { prototype, name } = original;
    const stub = function () { throw needsFreshRealm(); };
    defineProperty(stub, "name", { value: name });
    defineProperty(stub, "prototype", { value: prototype });
    define(prototype, "constructor", stub);
    if (world[name] === original) define(world, name, stub);
    return stub;
  }

  // A property that is only readable could not be shadowed by assignment in objects that inherit it, as
  // `Reader.prototype.toString = …` does: where that is usual, an accessor lets it through.
  function harden(object, key, tolerant) {
    const { value, writable, configurable, enumerable } = descriptor(object, key);
    if (!configurable && !writable) return;
    if (!tolerant || writable !== true || key === "prototype" || !configurable) {
      defineProperty(object, key, writable === true ? { configurable: false, writable: false } : { configurable: false });
      return;
    }
    const accessor = {
      get() { return value; },
      set(given) {
        if (this === object || !isObject(this)) return;
        defineProperty(this, key, { __proto__: null, value: given, writable: true, enumerable: true, configurable: true });
      },
    };
    preventExtensions(accessor.get), preventExtensions(accessor.set);
    defineProperty(object, key, { get: accessor.get, set: accessor.set, enumerable, configurable: false });
  }

  // True when the realm is as it was before the call.
  function restored() {
    if (wantsFreshRealm || getPrototypeOf(world) !== Object.prototype || !isExtensible(world)) return false;
    const keys = ownKeys(world);
    if (keys.length !== baselineSize) {
      for (let i = 0; i < keys.length; i++) {
        if (!(keys[i] in baseline) && !deleteProperty(world, keys[i])) return false;
      }
    }
    for (let i = 0; i < resets.length; i++) {
      const reset = resets[i];
      if (!defineProperty(reset[0], reset[1], reset[2])) return false;
    }
    return defineProperty(world, "module", EMPTY) && defineProperty(world, "exports", EMPTY)
      && defineProperty(world, "context", EMPTY);
  }
  const EMPTY = { __proto__: null, value: undefined, writable: true, enumerable: false, configurable: true };

  const operations = {
    __proto__: null,
    watch,
    changes,
    seal,
    use: (made) => { factory = preventExtensions(made) && made; },
    run, // in a realm for one call
    runAgain(bytes, fPort, at, variables) { // in a sealed realm: nothing when it must be asked in a realm for one call
      const text = run(bytes, fPort, at, variables);
      printed = [];
      return restored() ? text : "";
    },
  };
  return (name) => operations[name];
})
