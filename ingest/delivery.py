"""`Delivery`: one message as it arrived, and what the pipeline may ask of where it came from."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol


class Delivery(NamedTuple):
    """One message from a broker, a webhook or a replay file. A tuple, because it is made on the hot path.

    `epoch` numbers the connection it came on and `packet_id` the packet in it (0 for QoS 0 and for
    deliveries that need no ack). An ack for an older epoch is dropped, never sent.
    """

    source: str
    topic: str
    payload: bytes
    received_at: datetime
    qos: int = 0
    retain: bool = False
    duplicate: bool = False
    epoch: int = 0
    packet_id: int = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport can do; contract tests for the rest are not run on it."""

    session_expiry: bool
    receive_maximum: bool
    shared_subscription: bool


@dataclass(slots=True)
class LinkState:
    """A subscription's state, read by readiness, metrics and `status`; written by its transport alone."""

    connected: bool = False
    subscribed: bool = False
    epoch: int = 0
    session_present: bool = False
    reconnects: int = 0
    sessions_lost: int = 0
    """How often the broker had forgotten our session, and with it what it had queued for us."""
    malformed: int = 0
    """Connections that ended because the broker sent what is not MQTT."""
    stale_acks: int = 0
    received: int = 0
    received_qos0: int = 0
    bytes_buffered: int = 0
    messages_buffered: int = 0
    paused: bool = False
    broker_dropped: int | None = None
    """`$SYS/broker/publish/messages/dropped` as last seen; None when the broker does not tell."""
    last_error: str = ""
    """Why the source is not connected or not subscribed; empty while it is."""
    last_message_at: datetime | None = None
    canary: bool | None = None
    """Whether the last canary came back; None before the first, and where none may be published."""
    lossy: bool = False
    """Uplinks of this source can be lost, or were lost lately; `problems` says why."""
    problems: list[str] = field(default_factory=list)
    """Sentences for the operator: what is wrong and which line to change where."""

    @property
    def ready(self) -> bool:
        """Whether messages can arrive, as far as it is known."""
        return self.connected and self.subscribed and self.canary is not False


class Inflow(Protocol):
    """Where the pipeline takes messages from: a subscription or a file."""

    source: str

    def batches(self) -> AsyncIterator[list[Delivery]]:
        """Everything that has arrived since the last call, in order; waits while nothing has.

        Ends after `stop_reading()` when all that had arrived is handed out, and at `close()`.
        """
        ...

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge after the commit, in order of receipt; acks of an older epoch are dropped."""


class Subscription(Inflow, Protocol):
    """One source's live messages, with acks. Both MQTT transports stand behind it."""

    capabilities: Capabilities
    state: LinkState

    async def run(self) -> None:
        """Connect, subscribe, reconnect with jittered back-off; returns after `close()`."""

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish on the same connection (the canary).

        Raises:
            ConnectionError: not connected, refused, or not acknowledged in time.
        """

    def stop_reading(self) -> None:
        """Take nothing more from the broker; acks still go out. The first step of an orderly end."""

    async def close(self) -> None:
        """Stop reading, flush pending acks, disconnect keeping the session."""
