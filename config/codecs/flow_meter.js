// A water meter, as codecs for ChirpStack v3 were written: `Decode(fPort, bytes, variables)` returns the data.
//
// Port 5, little-endian: pulses (4). The variable `litres_per_pulse` says what a pulse is; 1 when it is not set.

function Decode(fPort, bytes, variables) {
  var pulses = 0;
  for (var i = 3; i >= 0; i--) pulses = pulses * 256 + bytes[i];
  var litres = Number(variables.litres_per_pulse || 1);
  return { port: fPort, pulses: pulses, volume: (pulses * litres) / 1000 };
}
