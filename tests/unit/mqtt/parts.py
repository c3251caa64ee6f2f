"""Builds the parts of a subscription for tests, with a clock that the test moves."""

from dataclasses import dataclass, field
from datetime import datetime

from ingest.delivery import Delivery, LinkState
from ingest.mqtt.canary import Canary, canary_topic
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.intake import Intake
from ingest.mqtt.problems import Problems
from ingest.mqtt.watch import LossWatch
from ingest.settings import SourceSettings

UP = "application/a0/device/0004a30b001a2b3c/event/up"


@dataclass
class Parts:
    """One source's parts, wired as a subscription wires them."""

    now: datetime
    settings: SourceSettings = field(default_factory=lambda: SourceSettings(name="city"))
    state: LinkState = field(default_factory=LinkState)

    def __post_init__(self) -> None:
        self.sent: list[int] = []
        self.use(self.settings)

    def use(self, settings: SourceSettings, *, expects_messages: bool = False) -> "Parts":
        """Wire the parts anew for other settings."""
        self.settings = settings
        self.problems = Problems(settings.name, self.state)
        self.watch = LossWatch(settings, self.state, self.problems, lambda: self.now, expects_messages)
        topic = canary_topic(settings)
        self.canary = None if topic is None else Canary(topic, settings, self.state, self.problems)
        self.inbox = Inbox(
            self.state, max_messages=settings.max_buffered_messages, max_bytes=settings.max_buffered_bytes
        )
        return self

    def intake(self, epoch: int = 1, *, attached: bool = True) -> Intake:
        """The intake of a new connection; acks that it sends are noted in `sent`."""
        intake = Intake(self.inbox, self.state, self.watch, self.canary, source=self.settings.name, epoch=epoch)
        if attached:
            intake.attach(self.sent.extend)
        return intake

    def delivery(self, packet_id: int = 0, *, topic: str = UP, payload: bytes = b"{}", epoch: int = 1) -> Delivery:
        """QoS 1 with a packet id, QoS 0 without."""
        return Delivery(
            self.settings.name, topic, payload, self.now, int(packet_id > 0), epoch=epoch, packet_id=packet_id
        )
