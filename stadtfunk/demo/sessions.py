"""LoRaWAN sessions: frame counters, device addresses, re-joins and counter resets of every device.

A counter goes on over the whole simulation, so that a live stream continues exactly where a history ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from stadtfunk.demo.clock import DAY, Day, random_stream
from stadtfunk.demo.device import Device, Frames, Integers
from stadtfunk.demo.settings import FaultSettings

_DAYS_PER_MONTH = 30.4375
_NETWORK_ADDRESS = 0x01 << 24


class Restart(StrEnum):
    """Why a frame counter starts again at zero."""

    REJOIN = "rejoin"
    """Over-the-air activation: a join event and a new device address."""
    ABP_RESET = "abp reset"
    """The same address and keys; only a network server that does not check counters lets it pass."""


@dataclass(frozen=True, slots=True)
class SessionStart:
    """A device begins to count at zero at `at` (nanoseconds)."""

    device: int
    at: int
    restart: Restart


class Sessions:
    """The sessions of all devices, day after day."""

    def __init__(self, settings: FaultSettings, seed: int, devices: Sequence[Device]) -> None:
        self._settings = settings
        self._seed = seed
        self._joins = np.array([device.checks_f_cnt for device in devices], dtype=bool)
        self._next = np.array([device.first_f_cnt for device in devices], dtype=np.int64)
        self._address = random_stream(seed, "addresses").integers(0, 1 << 24, len(devices)) | _NETWORK_ADDRESS

    def starts(self, day: Day) -> Mapping[int, SessionStart]:
        """The session starts of `day`, by device; at most one each."""
        rng = random_stream(self._seed, "sessions", day.number)
        settings = self._settings
        per_month = np.where(self._joins, settings.rejoins_per_month, settings.abp_resets_per_month)
        chosen = np.flatnonzero(rng.random(len(self._joins)) < per_month / _DAYS_PER_MONTH)
        times = day.start + rng.integers(0, DAY, len(chosen))
        return {
            device: SessionStart(device, at, Restart.REJOIN if self._joins[device] else Restart.ABP_RESET)
            for device, at in zip(chosen.tolist(), times.tolist(), strict=True)
        }

    def number(self, day: Day, frames: Frames, starts: Mapping[int, SessionStart]) -> tuple[Integers, Integers]:
        """Frame counter and device address of each frame of a whole day, and step to the next day."""
        counts = np.bincount(frames.device, minlength=len(self._next))
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        f_cnt = self._next[frames.device] + np.arange(len(frames)) - first[frames.device]
        address = self._address[frames.device]
        self._next += counts
        rng = random_stream(self._seed, "new addresses", day.number)
        for device, start in starts.items():
            rows = np.arange(first[device], first[device] + counts[device])
            rows = rows[frames.sent_at[rows] >= start.at]
            f_cnt[rows] = np.arange(len(rows))
            self._next[device] = len(rows)
            if start.restart is Restart.REJOIN:
                self._address[device] = rng.integers(0, 1 << 24) | _NETWORK_ADDRESS
                address[rows] = self._address[device]
        return f_cnt, address
