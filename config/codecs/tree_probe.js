// A soil probe of two depths. LoRa Alliance TS013: `decodeUplink`, and `normalizeUplink` of The Things Stack.
//
// Port 2, big-endian: battery mV (2), then per depth moisture 0.1 % (2), temperature 0.1 °C signed (2), conductivity µS/cm (2).
// A depth whose probe is not connected sends 0x7fff three times.

const DEPTHS_CM = [10, 30];
const NOT_CONNECTED = 0x7fff;

function decodeUplink(input) {
  if (input.fPort !== 2) return { errors: [`unknown port ${input.fPort}`] };
  if (input.bytes.length !== 14) return { errors: ["expected 14 bytes"] };
  const words = [];
  for (let i = 0; i < input.bytes.length; i += 2) words.push((input.bytes[i] << 8) | input.bytes[i + 1]);
  const warnings = [];
  const probes = DEPTHS_CM.map((depth, i) => {
    const [moisture, temperature, conductivity] = words.slice(1 + 3 * i, 4 + 3 * i);
    if (moisture === NOT_CONNECTED) {
      warnings.push(`no probe at ${depth} cm`);
      return { depth, connected: false };
    }
    const signed = temperature > 0x7fff ? temperature - 0x10000 : temperature;
    return { depth, connected: true, moisture: moisture / 10, temperature: signed / 10, conductivity };
  });
  return { data: { battery: words[0] / 1000, probes }, warnings };
}

function normalizeUplink(input) {
  const { battery, probes } = input.data;
  return {
    data: probes
      .filter((probe) => probe.connected)
      .map((probe) => ({
        battery,
        soil: {
          depth: probe.depth,
          moisture: probe.moisture,
          temperature: probe.temperature,
          ec: probe.conductivity / 1000,
        },
      })),
  };
}
