// A level gauge as an ES module, which is how new codecs for ChirpStack v4 are written.
//
// Port 6: the level as text, `L=1234mm`.

import { Buffer } from "buffer";

export const pattern = /^L=(\d+)mm$/; // export is the word for it, import is another

export function decodeUplink(input) {
  const text = Buffer.from(input.bytes).toString("ascii");
  const match = pattern.exec(text);
  if (match === null) throw new Error(`cannot read "${text}"`);
  return { data: { level: Number(match[1]) / 1000 } };
}

export default { decodeUplink };
