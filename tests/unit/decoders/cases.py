"""The vectors of `tests/vectors/<decoder>.json`: payloads, hand-checked readings and the vendor's expectation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from decoders.decoder import Decoder
from decoders.errors import RejectReason
from decoders.readings import QualityFlag, Reading, quantities
from decoders.registry import Registry
from decoders.uplink import Uplink

VECTORS = Path(__file__).parents[2] / "vectors"
REGISTRY = Registry.load()
AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One vector.

    Attributes:
        readings: expected readings in order; None when `error` is expected.
        vendor: what the vendor's codec or a published example says, as it is.
        deviates: fields in which the canonical values differ from the vendor's on purpose; `note` says why.
    """

    decoder: str
    name: str
    f_port: int
    payload: bytes
    source: str
    readings: tuple[dict[str, object], ...] | None = None
    error: RejectReason | None = None
    vendor: dict[str, object] | None = None
    deviates: tuple[str, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return f"{self.decoder}-{self.name}"


def cases(decoder: str) -> list[Case]:
    """All vectors of a decoder."""
    path = VECTORS / f"{decoder}.json"
    return [_case(decoder, entry) for entry in json.loads(path.read_text())] if path.exists() else []


def all_cases() -> Iterator[Case]:
    """The vectors of every installed decoder."""
    for decoder in REGISTRY.decoders:
        yield from cases(decoder.name)


def uplink(payload: bytes, f_port: int, **fields: object) -> Uplink:
    """An uplink of one fixed device at one fixed time."""
    known: dict[str, object] = {"source": "test", "dev_eui": "70b3d57ed0000001", "f_cnt": 1, "ns_time": AT} | fields
    return Uplink(payload=payload, f_port=f_port, received_at=AT, **known)


def expected_reading(decoder: Decoder, entry: dict[str, object]) -> Reading:
    """A vector's reading as an object, validated by pydantic."""
    kind = next(kind for kind in decoder.kinds if kind.kind == entry["kind"])
    flags = QualityFlag(0)
    for name in entry["flags"]:
        flags |= QualityFlag[name]
    return kind.model_validate(
        {
            **dict.fromkeys(quantities(kind)),
            **entry["values"],
            "device": "70b3d57ed0000001",
            "subject": entry["subject"],
            "channel": entry["channel"],
            "observed_at": entry.get("observed_at", AT.replace(microsecond=0)),
            "flags": flags,
        }
    )


def _case(decoder: str, entry: dict[str, object]) -> Case:
    values = dict(entry)
    values["payload"] = bytes.fromhex(values.pop("hex"))
    if "error" in values:
        values["error"] = RejectReason(values["error"])
    for name in ("readings", "deviates"):
        if name in values:
            values[name] = tuple(values[name])
    return Case(decoder=decoder, **values)
