// expect: data {"calls":1}
var calls = 0;
function decodeUplink() {
  Promise.resolve().then(() => { globalThis.later = true; for (;;); });
  calls += 1;
  return { data: { calls: typeof later === "undefined" ? calls : -1 } };
}
