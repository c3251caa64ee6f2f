// expect: data {"nan":null,"infinite":null,"list":[null,null],"date":"1970-01-01T00:00:00.000Z","big":7,"bigger":"12345678901234567890","half":"?","zero":0}
function decodeUplink() {
  return {
    data: {
      nan: NaN, infinite: -Infinity, absent: undefined, list: [undefined, () => 1], date: new Date(0), big: 7n,
      bigger: 12345678901234567890n, half: "\ud800", symbol: Symbol("s"), zero: -0, code() {},
    },
  };
}
