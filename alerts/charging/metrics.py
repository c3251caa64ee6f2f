"""What the links to charge points' sources did, for Prometheus; one class on one registry. Labels: source and kind."""

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from alerts.charging.exchange import ErrorKind


class ChargingMetrics:
    """Counters and gauges of one process.

    Args:
        registry: where they are registered; one `ChargingMetrics` per registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._contacts = Counter(
            "stadtfunk_charging_contacts",
            "Successful exchanges with a source of charge points' statuses: pushes and answered polls.",
            ["source"],
            registry=registry,
        )
        self._last_contact = Gauge(
            "stadtfunk_charging_last_contact_timestamp_seconds",
            "Unix time of the last successful exchange of this process; statuses are fresh while it is.",
            ["source"],
            registry=registry,
        )
        self._statuses = Counter(
            "stadtfunk_charging_statuses",
            "Changes of charge points' statuses that were new in the database.",
            ["source"],
            registry=registry,
        )
        self._errors = Counter(
            "stadtfunk_charging_errors", "Exchanges that failed, and why.", ["source", "kind"], registry=registry
        )

    def contact(self, source: str, at: datetime) -> None:
        """An exchange succeeded."""
        self._contacts.labels(source).inc()
        self._last_contact.labels(source).set(at.timestamp())

    def stored(self, source: str, count: int) -> None:
        """So many statuses were new."""
        self._statuses.labels(source).inc(count)

    def failed(self, source: str, kind: ErrorKind, count: int = 1) -> None:
        """Something could not be done or read."""
        self._errors.labels(source, kind.value).inc(count)
