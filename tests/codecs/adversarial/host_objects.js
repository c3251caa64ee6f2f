// expect: data {"found":[]}
function decodeUplink() {
  const names = ["std", "os", "bjson", "process", "global", "window", "Deno", "navigator", "fetch", "setTimeout", "scriptArgs",
    "performance", "Atomics", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry", "Worker", "WebAssembly", "queueMicrotask"];
  const found = names.filter((name) => typeof globalThis[name] !== "undefined");
  for (const name of names) try { if (Function("return typeof " + name)() !== "undefined") found.push(name); } catch (e) {}
  return { data: { found } };
}
