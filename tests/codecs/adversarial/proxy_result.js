// expect: data {"a":"a","b":"b"}
function decodeUplink() {
  const keys = ["a", "b"];
  const data = new Proxy({}, {
    ownKeys: () => keys,
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_, key) => (key === "toJSON" ? undefined : key),
  });
  return { data };
}
