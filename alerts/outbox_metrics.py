"""What became of messages, for Prometheus; one class on one registry. Labels: channel, and a closed set of results."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Result(StrEnum):
    """What one attempt came to."""

    SENT = "sent"
    RETRIED = "retried"
    DEAD = "dead"


class OutboxMetrics:
    """Counters and gauges of one process.

    Args:
        registry: where they are registered; one `OutboxMetrics` per registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "stadtfunk_notifications",
            "Attempts to send a message: `sent`, `retried` later, or `dead`, given up for good.",
            ["channel", "result"],
            registry=registry,
        )
        self._seconds = Histogram(
            "stadtfunk_notification_seconds",
            "Time of one attempt to send a message.",
            ["channel"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._waiting = Gauge(
            "stadtfunk_notifications_waiting",
            "Messages that wait: `pending` for being sent, `held` for the begin of the shift.",
            ["channel", "state"],
            registry=registry,
        )
        self._overdue = Gauge(
            "stadtfunk_notifications_overdue_seconds",
            "How long the oldest message has been due that is not sent.",
            ["channel"],
            registry=registry,
        )

    def add_channel(self, channel: str) -> None:
        """Show a channel's numbers from the start, so that a first failure is a change."""
        for result in Result:
            self._attempts.labels(channel, result.value)
        self.waiting([channel], (), datetime.now(UTC))

    def attempted(self, channel: str, result: Result, seconds: float) -> None:
        """One attempt came to an end."""
        self._attempts.labels(channel, result.value).inc()
        self._seconds.labels(channel).observe(seconds)

    def waiting(self, channels: Iterable[str], rows: Iterable[tuple[str, str, int, datetime]], now: datetime) -> None:
        """What waits now: channel, state, count, and since when the oldest is due."""
        found = {(channel, state): (count, oldest) for channel, state, count, oldest in rows}
        for channel in channels:
            for state in ("pending", "held"):
                self._waiting.labels(channel, state).set(found.get((channel, state), (0, now))[0])
            oldest = found.get((channel, "pending"), (0, now))[1]
            self._overdue.labels(channel).set(max(0.0, (now - oldest).total_seconds()))
