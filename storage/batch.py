"""The contract between pipeline and writer: one `Record` per received message, and what storing them changed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from decoders.decoder import Assembly
from decoders.errors import RejectReason
from decoders.events import Event
from decoders.readings import Reading
from decoders.uplink import Privacy


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


class DecoderKey(NamedTuple):
    """Which version of which decoder made a reading; one object per loaded decoder."""

    name: str
    version: int
    file_hash: str


@dataclass(slots=True)
class Record:
    """One message as received, and what parsing and decoding made of it.

    Attributes:
        message: the raw bytes as received (what `rejected` keeps); of an oversized message only the head.
        event: None when the message could not be parsed.
        outcome, readings, decoder, privacy: of an uplink, see `Outcome`.
        reason, detail: why the message also goes to `rejected`; None when it does not.
        assembly: of an uplink that may make others whole, or be made whole by them: how.
    """

    source: str
    topic: str
    message: bytes
    received_at: datetime
    event: Event | None = None
    outcome: Outcome = Outcome.NOT_DECODABLE
    readings: tuple[Reading, ...] = ()
    decoder: DecoderKey | None = None
    privacy: Privacy = Privacy.HOUSEHOLD
    reason: RejectReason | None = None
    detail: str = ""
    assembly: Assembly | None = None


@dataclass(slots=True)
class WriteResult:
    """What a committed batch changed. Counts are of rows that are new.

    Attributes:
        uplinks: uplinks stored for the first time.
        duplicates: uplinks that were stored before (redelivery) and late gateway copies.
        readings: new readings per kind.
        rejected: new messages in `rejected`, per reason.
        quarantined: records that could not be stored as they are and were isolated from their neighbours.
        gaps, gaps_filled: frames that the counters say are missing, and earlier gaps that late frames closed.
        attempts: transactions that were tried; 1 unless records had to be isolated.
    """

    uplinks: int = 0
    duplicates: int = 0
    readings: dict[str, int] = field(default_factory=dict)
    events: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    gaps: int = 0
    gaps_filled: int = 0
    attempts: int = 0

    def add(self, other: "WriteResult") -> None:
        """Sum `other` into this result."""
        self.uplinks += other.uplinks
        self.duplicates += other.duplicates
        self.events += other.events
        self.quarantined += other.quarantined
        self.gaps += other.gaps
        self.gaps_filled += other.gaps_filled
        self.attempts += other.attempts
        for mine, theirs in ((self.readings, other.readings), (self.rejected, other.rejected)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
