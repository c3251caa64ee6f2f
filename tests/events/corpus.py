"""The example events and the poison corpus as deliveries, for every suite that needs real or bad messages."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from decoders.errors import RejectReason
from ingest.delivery import Delivery
from ingest.formats import WireFormat

FOLDER = Path(__file__).parent
RECEIVED_AT = datetime(2026, 7, 14, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """One example event; `twin` is the same message in protobuf, where it has one."""

    file: str
    wire_format: WireFormat
    delivery: Delivery
    twin: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """One message that must be refused with `reason`; `field` is the path that the detail must name, if any."""

    name: str
    wire_format: WireFormat
    delivery: Delivery
    reason: RejectReason
    field: str = ""


def examples(source: str = "city", received_at: datetime = RECEIVED_AT) -> list[Example]:
    """Every example event; a line of the storage API is an event of its own, without a topic."""
    found = []
    for entry in json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["events"]:
        file, topic = entry["file"], entry["topic"]
        wire_format = WireFormat.THETHINGS if file.startswith("tts/") else WireFormat.CHIRPSTACK
        payloads = [(FOLDER / file).read_bytes()]
        if file.endswith(".ndjson"):
            topic, payloads = "", [line for line in payloads[0].splitlines() if line.strip()]
        twin = Delivery(source, topic, read(entry["protobuf"]), received_at) if "protobuf" in entry else None
        found += [Example(file, wire_format, Delivery(source, topic, line, received_at), twin) for line in payloads]
    return found


def example(file: str, **changes: object) -> Delivery:
    """The delivery of one example event, with changed attributes of the delivery."""
    return next(item.delivery for item in examples() if item.file == file)._replace(**changes)


def poison(source: str = "city", received_at: datetime = RECEIVED_AT) -> list[Poison]:
    """Every message of the poison corpus."""
    return [
        Poison(
            name=case["name"],
            wire_format=WireFormat(case["format"]),
            delivery=Delivery(source, case["topic"], _payload(case), received_at),
            reason=RejectReason(case["reason"]),
            field=case.get("field", ""),
        )
        for case in json.loads((FOLDER / "poison.json").read_text(encoding="utf-8"))["cases"]
    ]


def read(file: str) -> bytes:
    """The bytes of one file of this folder."""
    return (FOLDER / file).read_bytes()


def _payload(case: Mapping[str, object]) -> bytes:
    if "base64" in case:
        return base64.b64decode(str(case["base64"]))
    if "repeat" in case:
        parts = case["repeat"]
        return (parts["prefix"] + parts["unit"] * parts["times"] + parts["suffix"]).encode()
    return str(case["payload"]).encode()
