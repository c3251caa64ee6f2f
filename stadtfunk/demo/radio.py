"""Who hears whom: path loss by Hata's city formula, shadowing, the data rate that ADR settles on, and losses.

Levels are in dBm, losses and ratios in dB. Demonstration values, not a coverage promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, log10, radians

import numpy as np
from numpy.typing import NDArray

from stadtfunk.demo.device import Device, Flags, Floats, Frames, Integers
from stadtfunk.demo.places import METRES_PER_DEGREE, Gateway
from stadtfunk.demo.settings import RadioSettings

SPREADING_FACTORS = (7, 8, 9, 10, 11, 12)
SNR_FLOORS = {7: -7.5, 8: -10.0, 9: -12.5, 10: -15.0, 11: -17.5, 12: -20.0}


@dataclass(slots=True)
class Receptions:
    """Which gateways heard which frames: one row per reception, ordered by frame.

    Attributes:
        frame: row of the frame.
        gateway: index of the gateway.
        rssi: dBm.
        snr: dB, in quarters.
    """

    frame: Integers
    gateway: Integers
    rssi: Integers
    snr: Floats

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, chosen: NDArray[np.bool_] | Integers) -> "Receptions":
        """The chosen rows, by mask or by index."""
        return Receptions(self.frame[chosen], self.gateway[chosen], self.rssi[chosen], self.snr[chosen])

    @classmethod
    def join(cls, parts: Sequence["Receptions"], offsets: Sequence[int]) -> "Receptions":
        """One table of several; `offsets` is the first frame of each."""
        return cls(
            np.concatenate([part.frame + offset for part, offset in zip(parts, offsets, strict=True)]),
            np.concatenate([part.gateway for part in parts]),
            np.concatenate([part.rssi for part in parts]),
            np.concatenate([part.snr for part in parts]),
        )


def hata_city_loss(distance_km: Floats, height_m: Floats, settings: RadioSettings) -> Floats:
    """Median path loss in dB between a gateway `height_m` above ground and a device (Hata 1980, small city)."""
    frequency = log10(settings.frequency_mhz)
    correction = (1.1 * frequency - 0.7) * settings.device_height_m - (1.56 * frequency - 0.8)
    height = np.log10(height_m)
    loss: Floats = (
        69.55 + 26.16 * frequency - 13.82 * height - correction + (44.9 - 6.55 * height) * np.log10(distance_km)
    )
    return loss


class Radio:
    """The links of all devices to all gateways.

    Attributes:
        level: received level of each device at each gateway in the median, without a car.
        spreading_factor: what ADR chose for each device.
    """

    def __init__(
        self,
        settings: RadioSettings,
        devices: Sequence[Device],
        gateways: Sequence[Gateway],
        rng: np.random.Generator,
    ) -> None:
        self._settings = settings
        self.level = self._levels(devices, gateways, rng)
        self.spreading_factor = self._adaptive_data_rate()
        self._threshold = self._least_level()

    def receive(self, frames: Frames, reachable: Flags | None, rng: np.random.Generator) -> Receptions:
        """The receptions of `frames`; `reachable` (frame, gateway) is False where a gateway is off."""
        settings = self._settings
        level = self.level[frames.device]
        level += settings.packet_fading_db * rng.standard_normal(level.shape, dtype=np.float32)
        level -= frames.car_loss.astype(np.float32)[:, None]
        heard = level >= self._threshold[frames.device][:, None]
        heard &= (rng.random(len(frames)) >= settings.collision_probability)[:, None]
        if reachable is not None:
            heard &= reachable
        frame, gateway = np.nonzero(heard)
        received = level[frame, gateway].astype(np.float64)
        snr = np.minimum(received - settings.noise_dbm, settings.highest_snr_db)
        return Receptions(frame, gateway, np.rint(received).astype(np.int64), np.rint(snr * 4) / 4)

    def _levels(
        self, devices: Sequence[Device], gateways: Sequence[Gateway], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        settings = self._settings
        sites = np.array([(gateway.latitude, gateway.longitude, gateway.height_m) for gateway in gateways])
        places = np.array([(device.latitude, device.longitude, device.indoor_loss_db) for device in devices])
        north = (places[:, None, 0] - sites[:, 0]) * METRES_PER_DEGREE
        east = (places[:, None, 1] - sites[:, 1]) * METRES_PER_DEGREE * cos(radians(float(sites[:, 0].mean())))
        distance = np.maximum(np.hypot(north, east), settings.least_distance_m) / 1000
        radiated = settings.transmit_power_dbm + settings.gateway_antenna_gain_db - settings.device_antenna_loss_db
        level = radiated - hata_city_loss(distance, sites[:, 2], settings) - places[:, 2, None]
        shadowed: NDArray[np.float32] = (level - rng.normal(0, settings.link_shadowing_db, level.shape)).astype(
            np.float32
        )
        return shadowed

    def _adaptive_data_rate(self) -> Integers:
        """The smallest spreading factor that leaves the margin; it never sees the car."""
        settings = self._settings
        median = np.minimum(self.level.max(axis=1) - settings.noise_dbm, settings.highest_snr_db)
        chosen = np.full(len(median), SPREADING_FACTORS[-1], dtype=np.int64)
        for spreading_factor in reversed(SPREADING_FACTORS):
            margin = median + settings.adr_bonus_db - SNR_FLOORS[spreading_factor]
            chosen[margin >= settings.adr_margin_db] = spreading_factor
        return chosen

    def _least_level(self) -> NDArray[np.float32]:
        """The level from which each device is demodulated at its spreading factor."""
        floors = np.array([SNR_FLOORS[factor] for factor in self.spreading_factor.tolist()])
        return (floors + self._settings.demodulation_loss_db + self._settings.noise_dbm).astype(np.float32)
