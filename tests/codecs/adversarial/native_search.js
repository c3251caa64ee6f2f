// expect: killed
function decodeUplink() {
  const haystack = "a".repeat(1 << 20);
  return { data: { at: haystack.indexOf("a".repeat(1 << 19) + "b") } };
}
