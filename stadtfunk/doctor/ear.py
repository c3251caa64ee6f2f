"""What the doctor's own connection to a broker hears: its canary, `$SYS`, and at which QoS uplinks come."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from decoders.errors import Rejected
from decoders.uplink import Uplink
from ingest.delivery import Delivery, LinkState
from ingest.formats import WireFormat, parser_for
from ingest.mqtt.canary import PREFIX
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.intake import Intake, SendAcks
from ingest.mqtt.problems import Problems
from ingest.mqtt.watch import LossWatch
from ingest.settings import DAY_SECONDS, SourceSettings

_AT_ONCE = 1000


@dataclass(slots=True)
class Heard:
    """Messages of others while we listened; canaries and retained messages do not count."""

    messages: int = 0
    uplinks_qos0: int = 0
    gateway_qos0: int = 0
    lag_seconds: float | None = None
    """Our clock minus the network server's, of the uplink for which it was smallest."""
    status: dict[str, str] = field(default_factory=dict)
    """`$SYS` topics and what they said last."""
    canary_qos: int | None = None
    """The QoS at which our canary came back; None while it did not."""


class Ear(Intake):
    """Takes everything that a connection delivers, keeps nothing of it, and acknowledges it at once.

    The connection is the doctor's own, so nobody misses what is acknowledged here.

    Args:
        canary: payload of our canary.

    Attributes:
        canary_came: set when it came back.
    """

    def __init__(self, settings: SourceSettings, canary: bytes, clock: Callable[[], datetime]) -> None:
        state = LinkState()
        silent = settings.model_copy(update={"qos": 1, "session_expiry": DAY_SECONDS})  # the watch is never asked here
        watch = LossWatch(silent, state, Problems(settings.name, state), clock, expects_messages=False)
        inbox = Inbox(state, max_messages=_AT_ONCE, max_bytes=1)
        super().__init__(inbox, state, watch, None, source=settings.name, epoch=1)
        self.heard = Heard()
        self.canary_came = asyncio.Event()
        self.canary = canary
        self._parse = parser_for(WireFormat(settings.format))
        self._acknowledge: SendAcks | None = None

    def answer_with(self, acknowledge: SendAcks) -> None:
        """From now on acknowledge through this function; before that nothing is."""
        self._acknowledge = acknowledge

    def deliver(self, deliveries: list[Delivery]) -> bool:
        """Take messages in order of receipt; always ready for more."""
        self.delivered += len(deliveries)
        for delivery in deliveries:
            self._hear(delivery)
        due = [delivery.packet_id for delivery in deliveries if delivery.packet_id]
        if due and self._acknowledge is not None:
            self._acknowledge(due)
        return True

    def _hear(self, delivery: Delivery) -> None:
        heard = self.heard
        if delivery.topic.startswith("$SYS/"):
            heard.status[delivery.topic] = delivery.payload[:100].decode(errors="replace")
        elif delivery.payload == self.canary:
            heard.canary_qos = delivery.qos
            self.canary_came.set()
        elif not delivery.retain and not delivery.payload.startswith(PREFIX):
            heard.messages += 1
            from_gateway = "gateway" in delivery.topic.split("/")[:2]
            heard.gateway_qos0 += from_gateway and not delivery.qos
            heard.uplinks_qos0 += not from_gateway and not delivery.qos
            self._compare_clocks(delivery)

    def _compare_clocks(self, delivery: Delivery) -> None:
        try:
            event = self._parse(delivery)
        except Rejected:
            return
        if isinstance(event, Uplink):
            lag = (delivery.received_at - event.ns_time).total_seconds()
            known = self.heard.lag_seconds
            self.heard.lag_seconds = lag if known is None else min(known, lag)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
