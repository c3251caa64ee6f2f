"""`Uplink`: one frame of one device as the network server delivered it, in one form for every network server.

Frozen data without behaviour beyond derived values. Times are aware UTC datetimes. Three clocks are kept:
`event_time` (device or gateway), `ns_time` (network server, the one in every key) and `received_at` (ours).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntFlag, StrEnum
from typing import NamedTuple

EARLIEST, LATEST = datetime(2015, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""No uplink is older, as LoRaWAN 1.0 is of January 2015; a clock that tells a time outside of them was never set."""


class Reception(NamedTuple):
    """One gateway's copy of a frame. A tuple, because there are several per uplink on the hot path.

    `rssi` in dBm, `snr` in dB, coordinates in degrees (WGS 84), altitude in metres. `latitude` and `longitude`
    are None where the network server does not know the place (an empty location is not 0/0).
    """

    gateway_id: str
    rssi: int | None = None
    snr: float | None = None
    channel: int | None = None
    antenna: int = 0
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    gateway_time: datetime | None = None
    ns_time: datetime | None = None


class UplinkFlag(IntFlag):
    """Properties of the frame, as a bit set that is stored beside it."""

    CONFIRMED = 1
    SIMULATED = 2
    ENCRYPTED = 4
    MAC_ONLY = 8
    RELAYED = 16
    CLOCK = 32
    """The event time is not credible against the network server's or ours."""
    ADR = 64


NOT_DECODABLE = UplinkFlag.SIMULATED | UplinkFlag.ENCRYPTED | UplinkFlag.MAC_ONLY


class Privacy(StrEnum):
    """Whose data a payload is: decides how long raw data are kept and who may see them."""

    PUBLIC = "public"
    HOUSEHOLD = "household"


@dataclass(frozen=True, slots=True)
class Uplink:
    """One frame, already parsed: what a decoder gets and what the storage writer keeps.

    Attributes:
        source: name of the configured source (broker or application) that delivered it.
        dev_eui: 16 lower-case hex digits, or `application/device_id` where the network knows no DevEUI.
        dev_addr: 8 lower-case hex digits, empty when unknown; stands for the session.
        f_cnt: frame counter, 0 when the wire format omitted it.
        f_port: 0 for MAC-only frames.
        payload: decrypted application payload (encrypted when the flag ENCRYPTED is set).
        data_rate: `SF7BW125` style, `FSK50` or `LRFHSS`; empty when unknown.
        frequency: Hz, 0 when unknown.
        ns_time: the network server's time by DESIGN decision 1; part of every key.
        event_time: the event's own (device or gateway) time, None when absent.
        received_at: when we received the message; a spool or replay file keeps it.
        deduplication_id: the network server's id of this event, empty when it has none.
        decoded: the network server's own decoded object, for codecs and normalised payloads; None when absent.
    """

    source: str
    dev_eui: str
    f_cnt: int
    f_port: int
    payload: bytes
    ns_time: datetime
    received_at: datetime
    dev_addr: str = ""
    data_rate: str = ""
    frequency: int = 0
    event_time: datetime | None = None
    deduplication_id: str = ""
    flags: UplinkFlag = UplinkFlag(0)
    receptions: tuple[Reception, ...] = ()
    device_name: str = ""
    device_profile: str = ""
    application: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    decoded: Mapping[str, object] | None = None

    @property
    def observed_at(self) -> datetime:
        """The best credible time of the measurement: the event's, else the network server's."""
        if self.event_time is None or int.__and__(self.flags, _CLOCK):  # IntFlag's own `&` costs eight times as much
            return self.ns_time
        return self.event_time


_CLOCK = int(UplinkFlag.CLOCK)
