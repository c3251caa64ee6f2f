// A heat meter as a CommonJS module with `exports`, which reads its payload through `Buffer`.
//
// Port 7, little-endian: meter id (4, BCD), energy kWh (4), flow temperature °C (4, IEEE 754). No energy: 0xffffffff.

"use strict";
const { Buffer } = require("buffer");
const crypto = require("crypto"); // for another function of the vendor's, which decoding does not need

exports.decodeUplink = function (input) {
  const payload = Buffer.from(input.bytes);
  const id = Buffer.from([...payload.subarray(0, 4)].reverse()).toString("hex");
  const energy = payload.readUInt32LE(4);
  const flow = Math.round(payload.readFloatLE(8) * 100) / 100;
  if (energy === 0xffffffff) return { data: { id, flow }, warnings: ["no energy"] };
  return { data: { id, energy, flow } };
};

exports.encodeDownlink = function (input) {
  return { bytes: [...crypto.createHash("sha256").update(input.data).digest()], fPort: 7 };
};
