"""What a network server tells besides uplinks: joins, device status, downlink acks, logs, places, gateway state.

`Event` is the union that a wire format's `parse` returns and the storage writer keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from decoders.uplink import Uplink


class DeviceEventKind(StrEnum):
    """The kinds of device events; the value is the word in the table `device_event`."""

    JOIN = "join"
    STATUS = "status"
    ACK = "ack"
    TXACK = "txack"
    LOG = "log"
    LOCATION = "location"
    SERVICE = "service"
    DOWNLINK = "downlink"
    INTEGRATION = "integration"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """One event of one device that is no uplink.

    Attributes:
        occurred_at: the network server's time of the event, by the same rule as `Uplink.ns_time`.
        code: the closed word inside the kind (a ChirpStack LogCode, `ACKNOWLEDGED`, `NACK`, …), else empty.
        detail: the remaining fields as plain JSON values with canonical names; no payloads.
    """

    source: str
    kind: DeviceEventKind
    dev_eui: str
    occurred_at: datetime
    received_at: datetime
    code: str = ""
    dev_addr: str = ""
    deduplication_id: str = ""
    device_name: str = ""
    device_profile: str = ""
    application: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayStats:
    """Packet counters of one gateway for one statistics interval (not cumulative)."""

    source: str
    gateway_id: str
    occurred_at: datetime
    received_at: datetime
    rx_received: int = 0
    rx_received_ok: int = 0
    tx_received: int = 0
    tx_emitted: int = 0
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayConnection:
    """A gateway's link to the broker went up or down (`state/conn`; the offline form is its last will)."""

    source: str
    gateway_id: str
    online: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Ignored:
    """A well-formed message that Stadtfunk knows and has no use for (a gateway's raw `event/up`, `state/…`)."""

    source: str
    topic: str
    why: str


Event = Uplink | DeviceEvent | GatewayStats | GatewayConnection | Ignored
