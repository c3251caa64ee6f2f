// What a codec changed in a realm, and how it is undone: the same realm serves call after call.
//
// Evaluates to a function that gets the inside of a realm (`realm.js`) before a codec has run in it, and returns the
// operations. After a codec has run, only what was taken aside here is used.
(function (inside) {
  "use strict";

  const { run, define, makeAll, receiveTime, bufferModule, CODE_FROM_TEXT } = inside;
  const { defineProperty, deleteProperty, getOwnPropertyDescriptor: descriptor, getPrototypeOf } = Reflect;
  const { isExtensible, ownKeys, preventExtensions } = Reflect;
  const { create, is } = Object;
  const { parse, stringify } = JSON;
  const slice = Function.prototype.call.bind(String.prototype.slice);
  const RealError = Error;
  const world = globalThis;
  const CHANGED_IN_EVERY_CALL = { __proto__: null, module: 1, exports: 1, context: 1 };

  let wantsFreshRealm = false;

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  // Every object of the language that a codec can reach, in the same order in every realm.
  function intrinsics() {
    makeAll();
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
    const thrower = descriptor((function () { return arguments; })(), "callee").get;
    for (const hidden of [...CODE_FROM_TEXT, ...iterators, thrower]) {
      add(typeof hidden === "function" ? hidden : getPrototypeOf(hidden));
    }
    for (const entry of [bufferModule, receiveTime]) add(entry);
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
    const tolerant = new Set([Object, Function, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError,
      URIError, AggregateError].map((constructor) => constructor.prototype));
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
      const fixed = writable === true ? { configurable: false, writable: false } : { configurable: false };
      defineProperty(object, key, fixed);
      return;
    }
    const accessor = {
      get() { return value; },
      set(given) {
        if (this === object || !isObject(this)) return;
        const own = { __proto__: null, value: given, writable: true, enumerable: true, configurable: true };
        defineProperty(this, key, own);
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
    run(bytes, fPort, at, variables) { // nothing when it must be asked in a realm of its own
      const text = run(bytes, fPort, at, variables);
      return restored() ? text : "";
    },
  };
  return (name) => operations[name];
})
