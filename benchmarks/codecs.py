"""A vendor's codec as the benchmarks run it: of the usual size, with the usual detours, mapped to two readings."""

from pathlib import Path

PROFILE = "Vendor Soil Probe"

SOURCE = """
function readUInt16(bytes, offset) {
  return ((bytes[offset] << 8) | bytes[offset + 1]) & 0xffff;
}
function readInt16(bytes, offset) {
  var value = readUInt16(bytes, offset);
  return value > 0x7fff ? value - 0x10000 : value;
}
function decodeUplink(input) {
  var bytes = input.bytes, port = input.fPort, decoded = {}, warnings = [];
  switch (port) {
    case 2:
      if (bytes.length < 11) {
        return { errors: ["payload too short"] };
      }
      decoded.battery = readUInt16(bytes, 0) / 1000;
      decoded.external_temperature = readInt16(bytes, 2) / 10;
      decoded.soil = {
        moisture: parseFloat((readUInt16(bytes, 4) / 100).toFixed(2)),
        temperature: parseFloat((readInt16(bytes, 6) / 100).toFixed(2)),
        conductivity: readUInt16(bytes, 8)
      };
      decoded.sensor = ((bytes[10] >> 4) & 0x0f) === 1 ? "ok" : "disconnected";
      if (decoded.battery < 3.1) {
        warnings.push("low battery");
      }
      break;
    default:
      return { errors: ["unknown FPort"] };
  }
  return { data: decoded, warnings: warnings };
}
"""

READINGS = (
    {
        "kind": "tree_moisture",
        "fields": {
            "soil_moisture": "soil.moisture",
            "soil_temperature": {"path": "soil.temperature", "faults": [327.67]},
            "conductivity": "soil.conductivity",
            "air_temperature": "external_temperature",
        },
    },
    {"kind": "device_health", "fields": {"battery_voltage": "battery"}},
)


def codec_settings(folder: Path) -> dict[str, object]:
    """The configuration of the codec, whose file is written into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "vendor_soil.js").write_text(SOURCE)
    return {
        "codecs_folder": str(folder),
        "codecs": {"vendor_soil": {"profiles": [PROFILE], "f_ports": [2], "readings": list(READINGS)}},
    }
