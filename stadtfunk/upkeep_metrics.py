"""What maintenance tells Prometheus: when it last ended well, how long it takes, how fresh the rollups are."""

from datetime import UTC, datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS: Final = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)


class UpkeepMetrics:
    """Gauges of one process; both times begin with its start, so that a first pass that never comes is late, too."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._last = Gauge(
            "stadtfunk_maintenance_last_success_timestamp_seconds",
            "Unix time at which maintenance last ended well; the process's start before the first time.",
            registry=registry,
        )
        self._fresh = Gauge(
            "stadtfunk_rollups_fresh_timestamp_seconds",
            "Unix time at which the rollup that is furthest behind was last brought up to date.",
            registry=registry,
        )
        self._failures = Counter(
            "stadtfunk_maintenance_failures", "Passes of maintenance that failed; the next comes soon.",
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "stadtfunk_maintenance_seconds", "Time of one pass of maintenance.", buckets=SECONDS, registry=registry
        )
        now = datetime.now(UTC).timestamp()
        self._last.set(now)
        self._fresh.set(now)

    def done(self, at: datetime, seconds: float, rollups_fresh_at: datetime | None) -> None:
        """A pass ended well."""
        self._last.set(at.timestamp())
        self._seconds.observe(seconds)
        if rollups_fresh_at is not None:
            self._fresh.set(rollups_fresh_at.timestamp())

    def failed(self) -> None:
        """A pass could not be made, or not to its end."""
        self._failures.inc()
