// A people counter as an object called `driver`, which returns the data without the usual `data` around it.
//
// Port 4, big-endian: in (2), out (2). The time of the uplink is given back as text.

var driver = (function () {
  var word = function (bytes, at) {
    return bytes[at] * 256 + bytes[at + 1];
  };
  return {
    decodeUplink: function (input) {
      return {
        in: word(input.bytes, 0),
        out: word(input.bytes, 2),
        day: input.recvTime.substring(0, 10),
        time: input.recvTime,
        hour: input.recvTime.getUTCHours(),
      };
    },
  };
})();
