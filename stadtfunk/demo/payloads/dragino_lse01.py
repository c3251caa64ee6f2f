"""Dragino LSE01, fPort 2, 11 bytes, big-endian.

0-1 battery mV (14 bit) · 2-3 external DS18B20 i16/10 Cel, 0x7FFF = not connected · 4-5 moisture u16/100 %vol ·
6-7 soil temperature i16/100 Cel · 8-9 conductivity u16 uS/cm · 10 flags: bit 4 = probe detected, mode 0.
"""

import numpy as np
from numpy.typing import NDArray

from stadtfunk.demo.device import Floats

F_PORT = 2
NO_EXTERNAL_PROBE = 0x7FFF
PROBE_DETECTED = 0x10


def encode(moisture: Floats, temperature: Floats, conductivity: Floats, battery_v: Floats) -> NDArray[np.uint8]:
    """Payloads (n, 11) from %vol, Cel, uS/cm and V."""
    words = np.empty((len(moisture), 5), dtype=">u2")
    words[:, 0] = np.rint(battery_v * 1000)
    words[:, 1] = NO_EXTERNAL_PROBE
    words[:, 2] = np.rint(moisture * 100)
    words[:, 3] = np.rint(temperature * 100).astype(np.int16).view(np.uint16)
    words[:, 4] = np.rint(conductivity)
    flags = np.full((len(moisture), 1), PROBE_DETECTED, dtype=np.uint8)
    return np.hstack([words.view(np.uint8), flags])
