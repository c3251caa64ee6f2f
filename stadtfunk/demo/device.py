"""What the network server knows of a device, and the frames that devices send, as columns of arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Application(StrEnum):
    """ChirpStack applications of the city; the value is their name there."""

    TREES = "Stadtbaeume"
    HEAT = "Fernwaerme"
    BAYS = "Ladeplaetze"


@dataclass(frozen=True, slots=True)
class Device:
    """One device.

    Attributes:
        indoor_loss_db: loss beside the path to a gateway: ground, cellar, trunk.
        first_f_cnt: its frame counter when the simulation starts; old devices have passed 65535 or soon will.
        checks_f_cnt: False for devices whose counter the network server does not check (`skip_fcnt_check`).
    """

    dev_eui: str
    name: str
    profile: str
    application: Application
    latitude: float
    longitude: float
    indoor_loss_db: float
    tags: Mapping[str, str] = field(default_factory=dict)
    first_f_cnt: int = 0
    confirmed: bool = False
    checks_f_cnt: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """A device bound to an asset from a date on; `depth_cm` is 0 where it means nothing."""

    dev_eui: str
    valid_from: date
    depth_cm: int = 0


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing of the city that devices are bound to: tree, bay, meter, gateway, charging station."""

    kind: str
    key: str
    name: str
    district: str
    latitude: float
    longitude: float
    attributes: Mapping[str, object] = field(default_factory=dict)
    probes: tuple[Probe, ...] = ()


@dataclass(slots=True)
class Frames:
    """What devices sent on a day: one row per frame, ordered by device and then by time.

    Attributes:
        device: index of the device in its family's `devices` (in the city's once families are joined).
        sent_at: nanoseconds.
        f_port: 0 for MAC-only frames.
        car_loss: dB lost to a car over the sensor.
        payload: application payload of each frame; an empty list while only times and states are wanted.
        decoded: `object` of the network server's own codec as JSON, empty without codec; like `payload`.
    """

    device: Integers
    sent_at: Integers
    f_port: Integers
    car_loss: Floats
    payload: list[bytes]
    decoded: list[bytes]

    def __len__(self) -> int:
        return len(self.device)

    def rows(self, chosen: slice) -> "Frames":
        """Some of the rows; the table keeps its own."""
        return Frames(
            self.device[chosen],
            self.sent_at[chosen],
            self.f_port[chosen],
            self.car_loss[chosen],
            self.payload[chosen],
            self.decoded[chosen],
        )

    @classmethod
    def regular(cls, device: Integers, sent_at: Integers, f_port: Integers, payload: list[bytes]) -> "Frames":
        """Frames of devices without cars over them and without a codec on the network server."""
        return cls(device, sent_at, f_port, np.zeros(len(device)), payload, [b""] * len(payload))

    @classmethod
    def join(cls, parts: Sequence["Frames"], offsets: Sequence[int]) -> "Frames":
        """One table of several families; `offsets` is the first device index of each."""
        return cls(
            device=np.concatenate([part.device + offset for part, offset in zip(parts, offsets, strict=True)]),
            sent_at=np.concatenate([part.sent_at for part in parts]),
            f_port=np.concatenate([part.f_port for part in parts]),
            car_loss=np.concatenate([part.car_loss for part in parts]),
            payload=list(chain.from_iterable(part.payload for part in parts)),
            decoded=list(chain.from_iterable(part.decoded for part in parts)),
        )


def rows_of(matrix: NDArray[np.uint8]) -> list[bytes]:
    """Each row of a byte matrix as one payload."""
    size = matrix.shape[1]
    flat = np.ascontiguousarray(matrix).tobytes()
    return [flat[start : start + size] for start in range(0, len(flat), size)]
