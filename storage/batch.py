"""The contract between the pipeline and the writer: what one transaction stores, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from decoders.errors import RejectReason
from decoders.events import DeviceEvent, GatewayConnection, GatewayStats
from decoders.readings import Reading
from decoders.uplink import Privacy, Uplink


class Outcome(StrEnum):
    """What became of an uplink's payload; stored with the uplink."""

    DECODED = "decoded"
    FRAGMENT = "fragment"
    NOT_DECODABLE = "not_decodable"
    """Simulated, MAC-only or encrypted: stored and marked, never decoded."""
    ORPHAN = "orphan"
    """No mapping names a decoder for this device; the raw uplink is kept."""
    FAILED = "failed"
    """A decoder refused it; `rejected` has the reason."""


@dataclass(slots=True)
class UplinkRecord:
    """One uplink with what decoding gave. `decoder` is empty for orphans and undecodable uplinks."""

    uplink: Uplink
    outcome: Outcome
    readings: tuple[Reading, ...] = ()
    decoder: str = ""
    decoder_version: int = 0
    privacy: Privacy = Privacy.HOUSEHOLD


@dataclass(slots=True)
class RejectedMessage:
    """A message kept raw with its reason. `dev_eui` is empty when the message could not be parsed so far."""

    source: str
    topic: str
    payload: bytes
    received_at: datetime
    reason: RejectReason
    detail: str
    dev_eui: str = ""
    decoder: str = ""


@dataclass(slots=True)
class Batch:
    """Everything that one transaction stores."""

    uplinks: list[UplinkRecord] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    gateway_stats: list[GatewayStats] = field(default_factory=list)
    gateway_connections: list[GatewayConnection] = field(default_factory=list)
    rejected: list[RejectedMessage] = field(default_factory=list)

    def __len__(self) -> int:
        return (
            len(self.uplinks)
            + len(self.events)
            + len(self.gateway_stats)
            + len(self.gateway_connections)
            + len(self.rejected)
        )


@dataclass(slots=True)
class WriteResult:
    """What a committed batch changed. Counts are of rows that are new.

    `duplicates` counts uplinks that were stored before (redelivery) or are late gateway copies; `gaps` the
    frames that the frame counters say are missing; `quarantined` the rows that the database refused alone.
    """

    uplinks: int = 0
    duplicates: int = 0
    readings: dict[str, int] = field(default_factory=dict)
    events: int = 0
    rejected: int = 0
    quarantined: int = 0
    gaps: int = 0
    statements: int = 0
