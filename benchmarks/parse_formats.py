"""How long one message takes from bytes to event, per wire format: `python benchmarks/parse_formats.py`."""

import json
import timeit
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for

EVENTS = Path(__file__).resolve().parent.parent / "tests" / "events"
RECEIVED_AT = datetime(2026, 7, 14, 9, 34, 16, tzinfo=UTC)
TREE = "chirpstack/up/tree_moisture_3gateways_decoded"
LOOPS = 2_000
REPEATS = 25


def main() -> None:
    """Print the fastest of several rounds for each case, in microseconds of CPU per message."""
    print(f"{'case':<44}{'bytes':>7}{'µs':>9}")
    for name, wire_format, delivery in cases():
        parse = parser_for(wire_format)
        parse(delivery)
        seconds = min(timeit.repeat(lambda p=parse, d=delivery: p(d), timer=process_time, number=LOOPS, repeat=REPEATS))
        print(f"{name:<44}{len(delivery.payload):>7}{seconds / LOOPS * 1e6:>9.2f}")


def cases() -> list[tuple[str, WireFormat, Delivery]]:
    """The messages that a city's traffic consists of."""
    chirpstack, thethings = WireFormat.CHIRPSTACK, WireFormat.THETHINGS
    tts = "tts/up/tree_moisture_3_rx_one_packetbroker"
    return [
        ("ChirpStack up, JSON, 2 receptions", chirpstack, delivery(TREE, compact(TREE, receptions=2))),
        ("ChirpStack up, JSON, 3 receptions", chirpstack, delivery(TREE, compact(TREE))),
        ("ChirpStack up, JSON, 12 receptions", chirpstack, delivery(TREE, compact(TREE, receptions=12))),
        ("ChirpStack up, protobuf, 3 receptions", chirpstack, delivery(TREE, read(f"{TREE}.pb"))),
        simple(chirpstack, "ChirpStack status, JSON", "chirpstack/status/battery_88"),
        simple(chirpstack, "ChirpStack gateway stats, JSON", "chirpstack/gateway/stats/concentratord_gps_dutycycle"),
        ("The Things Stack up, 3 receptions", thethings, delivery(tts, compact(tts))),
    ]


def simple(wire_format: WireFormat, name: str, event: str) -> tuple[str, WireFormat, Delivery]:
    """A case of one example event as it is."""
    return name, wire_format, delivery(event, compact(event))


def compact(event: str, receptions: int | None = None) -> bytes:
    """An example as its server prints it, without spaces, heard by this many gateways."""
    message = json.loads(read(f"{event}.json"))
    if receptions is not None:
        message["rxInfo"] = [message["rxInfo"][index % 2] for index in range(receptions)]
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def delivery(event: str, payload: bytes) -> Delivery:
    """The example's delivery with another payload."""
    manifest = json.loads(read("manifest.json"))
    topic = next(entry["topic"] for entry in manifest["events"] if entry["file"] == f"{event}.json")
    return Delivery("city", topic, payload, RECEIVED_AT)


def read(name: str) -> bytes:
    """A file of the example events."""
    return (EVENTS / name).read_bytes()


if __name__ == "__main__":
    main()
