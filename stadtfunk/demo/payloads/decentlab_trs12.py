"""Decentlab DL-TRS12 (Teros 12), fPort 1, 13 bytes, big-endian.

0 protocol version 2 · 1-2 device id · 3-4 flags: bit 0 probe, bit 1 battery · 5-6 raw counts x 10, with
VWC = counts * 3.879e-4 - 0.6956 (mineral soil) · 7-8 temperature * 10 + 32768 Cel · 9-10 conductivity uS/cm ·
11-12 battery mV.
"""

import numpy as np
from numpy.typing import NDArray

from stadtfunk.demo.device import Floats, Integers

F_PORT = 1
COUNTS_PER_FRACTION = 1 / 0.0003879
OFFSET = 0.6956


def encode(
    serial: Integers, moisture: Floats, temperature: Floats, conductivity: Floats, battery_v: Floats
) -> NDArray[np.uint8]:
    """Payloads (n, 13) from device id, %vol, Cel, uS/cm and V."""
    words = np.empty((len(serial), 6), dtype=">u2")
    words[:, 0] = serial
    words[:, 1] = 0b11
    words[:, 2] = np.rint((moisture / 100 + OFFSET) * COUNTS_PER_FRACTION * 10)
    words[:, 3] = np.rint(temperature * 10) + 32768
    words[:, 4] = np.rint(conductivity)
    words[:, 5] = np.rint(battery_v * 1000)
    version = np.full((len(serial), 1), 2, dtype=np.uint8)
    return np.hstack([version, words.view(np.uint8)])
