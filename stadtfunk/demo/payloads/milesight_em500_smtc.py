"""Milesight EM500-SMTC, fPort 85: channel, type, little-endian data.

01 75 battery u8 % · 03 67 soil temperature i16/10 Cel · 04 CA moisture u16/100 %vol · 05 7F conductivity u16 uS/cm.
A value of 0xFFFF says that the probe could not be read.
"""

import numpy as np
from numpy.typing import NDArray

from stadtfunk.demo.device import Floats

F_PORT = 85
READ_FAILED = bytes.fromhex("0175640367ffff04caffff057fffff")


def encode(moisture: Floats, temperature: Floats, conductivity: Floats, battery_percent: Floats) -> NDArray[np.uint8]:
    """Payloads (n, 15) from %vol, Cel, uS/cm and %."""
    payload = np.empty((len(moisture), 15), dtype=np.uint8)
    payload[:, 0:2] = (0x01, 0x75)
    payload[:, 2] = np.rint(battery_percent)
    payload[:, 3:5] = (0x03, 0x67)
    payload[:, 5:7] = _little_endian(temperature * 10)
    payload[:, 7:9] = (0x04, 0xCA)
    payload[:, 9:11] = _little_endian(moisture * 100)
    payload[:, 11:13] = (0x05, 0x7F)
    payload[:, 13:15] = _little_endian(conductivity)
    return payload


def _little_endian(values: Floats) -> NDArray[np.uint8]:
    return np.rint(values).astype("<i4").astype("<u2").view(np.uint8).reshape(-1, 2)
