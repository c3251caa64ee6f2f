"""Traffic whose every message can be accounted for: good uplinks and poison in seeded order.

A good uplink is known by its deduplication id, which is stored with it; a poisonous message by its topic, which is
unique and kept in quarantine. So broker, database and test can be compared message by message (`tests.support.oracle`).
"""

import base64
import json
import random
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle

from decoders.errors import RejectReason
from ingest.formats import WireFormat
from tests.events.corpus import Poison, poison

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"
POISON_SHARE = 0.02
DEVICES = 2000
SHORTEST_INTERVAL = timedelta(seconds=1)
"""Between two uplinks of a device: readings are kept to the second, so closer ones would meet."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish; `id` is how it is found again."""

    id: str
    topic: str
    payload: bytes


class Traffic:
    """Makes messages and remembers what they were.

    Args:
        order: the seeded randomness.
        devices: they take turns.
        poison_share: how many messages are such that nothing can be made of them.
        first: number of the first good uplink; two traffics in one test need ranges of their own.
        first_at: network-server time of the first uplink; default is the time at which each is made.

    Attributes:
        times: network-server time of each good uplink.
        poisons: reason that each poisonous message must be refused with, by its topic.
        misfits: payload of each uplink that is stored but cannot be decoded, by its number.
    """

    def __init__(
        self,
        order: random.Random,
        *,
        devices: int = DEVICES,
        poison_share: float = POISON_SHARE,
        first: int = 0,
        first_at: datetime | None = None,
    ) -> None:
        self.devices = devices
        self.times: list[datetime] = []
        self.poisons: dict[str, RejectReason] = {}
        self.misfits: dict[int, bytes] = {}
        self._order = order
        self._poison_share = poison_share
        self._first = first
        self._first_at = first_at
        self._corpus = _shuffled_for_ever(corpus(), order)

    @property
    def numbers(self) -> range:
        """The numbers of all good uplinks so far."""
        return range(self._first, self._first + len(self.times))

    def take(self, count: int) -> list[Message]:
        """The next messages."""
        return [self.poison() if self._order.random() < self._poison_share else self.good() for _ in range(count)]

    def good(self) -> Message:
        """The next good uplink."""
        self.times.append(self._next_time())
        return self.again(self.numbers[-1])

    def again(self, number: int) -> Message:
        """Good uplink `number` as it was made."""
        topic, payload = uplink(number, devices=self.devices, at=self.times[number - self._first])
        return Message(good_id(number), topic, self.misfits.get(number, payload))

    def poison(self, case: Poison | None = None) -> Message:
        """A message that must be refused: `case`, or any of the corpus."""
        found = next(self._corpus) if case is None else case
        topic = _marked(found.delivery.topic, len(self.poisons))
        self.poisons[topic] = found.reason
        return Message(topic, topic, found.delivery.payload)

    def misfit(
        self, reason: RejectReason, *, data: bytes | None = None, port: int = 2, profile: str | None = None
    ) -> Message:
        """An uplink that is stored like a good one, but has no readings and is in quarantine for `reason`."""
        message = self.good()
        number = self.numbers[-1]
        event = json.loads(message.payload)
        event["fPort"] = port
        event["data"] = event["data"] if data is None else base64.b64encode(data).decode()
        event["deviceInfo"]["deviceProfileName"] = profile or event["deviceInfo"]["deviceProfileName"]
        topic = _marked(message.topic, len(self.poisons))
        self.poisons[topic] = reason
        self.misfits[number] = json.dumps(event, separators=(",", ":")).encode()
        return Message(message.id, topic, self.misfits[number])

    def _next_time(self) -> datetime:
        if self._first_at is not None:
            return self._first_at + len(self.times) * SHORTEST_INTERVAL / min(self.devices, 20)
        now = datetime.now(UTC)
        return max(now, self.times[-self.devices] + SHORTEST_INTERVAL) if len(self.times) >= self.devices else now


def good_id(number: int) -> str:
    """The deduplication id of good uplink `number`."""
    return f"{number:08x}-4401-4b8d-9386-a5c902f9202d"


def corpus() -> list[Poison]:
    """The poison of a ChirpStack source that MQTT can carry and the default filters let through."""
    return [
        case
        for case in poison()
        if case.wire_format is WireFormat.CHIRPSTACK and case.delivery.topic.startswith(("application/", "eu868/"))
    ]


def _shuffled_for_ever(cases: Sequence[Poison], order: random.Random) -> Iterator[Poison]:
    return cycle(order.sample(cases, len(cases)))


def _marked(topic: str, number: int) -> str:
    """`topic` with a number in its application, or in its region: parsers look at neither."""
    levels = topic.split("/")
    place = 1 if levels[0] == "application" else 0
    levels[place] = f"poison-{number}"
    return "/".join(levels)


def uplink(number: int, *, devices: int, at: datetime) -> tuple[str, bytes]:
    """Topic and payload of an LSE01's uplink as ChirpStack publishes it, heard by one to three gateways."""
    device, f_cnt = number % devices, number // devices
    dev_eui, time = f"24e124460e{device:06x}", at.isoformat(timespec="microseconds")
    event = {
        "deduplicationId": good_id(number),
        "time": time,
        "deviceInfo": {
            "tenantName": "Stadt Mainz",
            "applicationId": APPLICATION,
            "applicationName": "Stadtbaeume",
            "deviceProfileName": "Dragino LSE01",
            "deviceName": f"Baum {device}",
            "devEui": dev_eui,
            "tags": {"art": "Tilia cordata", "stadtteil": "Neustadt"},
        },
        "devAddr": f"01{device:06x}",
        "adr": True,
        "dr": 5,
        "fCnt": f_cnt,
        "fPort": 2,
        "data": base64.b64encode(struct.pack(">HhHhHB", 3600, 241, 2000 + number % 2000, 1480, 346, 0x10)).decode(),
        "rxInfo": [
            {
                "gatewayId": f"7276ff002e0605{(number + 7 * nth) % 22:02x}",
                "nsTime": time,
                "rssi": -90 - 9 * nth,
                "snr": 7.25 - 4 * nth,
                "channel": number % 8,
                "location": {"latitude": 49.99906, "longitude": 8.27385, "altitude": 131.0},
                "context": "E3OWOQ==",
            }
            for nth in range(1 + number % 3)
        ],
        "txInfo": {
            "frequency": 868100000,
            "modulation": {"lora": {"bandwidth": 125000, "spreadingFactor": 7, "codeRate": "CR_4_5"}},
        },
    }
    return f"application/{APPLICATION}/device/{dev_eui}/event/up", json.dumps(event, separators=(",", ":")).encode()
