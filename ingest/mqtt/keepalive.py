"""When to ping a broker, and when its silence means that the connection is dead."""

from dataclasses import dataclass
from enum import Enum, auto


class Pulse(Enum):
    """What the connection needs now."""

    NOTHING = auto()
    PING = auto()
    DEAD = auto()


@dataclass(slots=True)
class KeepAlive:
    """Pings after half the keepalive without traffic in either direction; gives the answer one keepalive.

    So a dead connection is noticed after at most 1.75 keepalives, ticks included. While reading is paused the
    answer may lie unread: pings go on, and a missing answer means nothing. Times are seconds of a monotonic clock.
    """

    seconds: float
    sent_at: float
    received_at: float
    _pinged_at: float | None = None

    @property
    def tick(self) -> float:
        """How often `check` should be called."""
        return self.seconds / 4

    def check(self, now: float, *, paused: bool) -> Pulse:
        """What to do at `now`; PING counts as sent."""
        if self._pinged_at is not None and (paused or self.received_at > self._pinged_at):
            self._pinged_at = None
        if self._pinged_at is not None:
            return Pulse.DEAD if now - self._pinged_at >= self.seconds else Pulse.NOTHING
        quiet_since = self.sent_at if paused else min(self.sent_at, self.received_at)
        if now - quiet_since < self.seconds / 2:
            return Pulse.NOTHING
        self._pinged_at = self.sent_at = now
        return Pulse.PING
