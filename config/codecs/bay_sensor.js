// A parking sensor, as codecs for The Things Network v2 were written: `Decoder(bytes, port)` returns the data.
//
// Port 1: a state change, one byte (bit 0 occupied). Port 3: a heartbeat, state, battery mV (2) and temperature °C signed.
// Writes to names that it never declares, as many codecs of that age do.

function Decoder(bytes, port) {
  decoded = {};
  decoded.occupied = (bytes[0] & 1) === 1;
  decoded.event = port === 3 ? "heartbeat" : "change";
  if (port === 3) {
    decoded.battery = ((bytes[1] << 8) | bytes[2]) / 1000;
    decoded.temperature = (bytes[3] << 24) >> 24;
  }
  return decoded;
}
