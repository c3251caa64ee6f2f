"""Metrics of the alert engine. Labels are the names of configured rules; never a device."""

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from alerts.changes import Step
from alerts.model import Severity

_LATENCY_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
_RULE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class EngineMetrics:
    """The counters, gauges and histograms of one engine."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._active = Gauge("stadtfunk_alert_engine_active", "1 while this engine evaluates rules; 0: stands by.",
                             registry=registry)  # fmt: skip
        self._rules = Gauge("stadtfunk_alert_rules", "Rules that are configured.", registry=registry)
        self._round = Gauge(
            "stadtfunk_alert_engine_last_round_timestamp_seconds",
            "Unix time at which this engine last had all due rules behind it; 0 before the first time.",
            registry=registry,
        )
        self._open = Gauge("stadtfunk_alerts_open", "Open alerts.", ["rule", "severity"], registry=registry)
        self._steps = Counter(
            "stadtfunk_alert_steps", "What reconciliation did with alerts.", ["rule", "step"], registry=registry
        )
        self._messages = Counter(
            "stadtfunk_alert_messages", "Messages about alerts put into the outbox to be sent.", ["rule"],
            registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            "stadtfunk_alert_rule_failures", "Evaluations that failed; the rule is tried again.", ["rule"],
            registry=registry,
        )  # fmt: skip
        self._latency = Histogram(
            "stadtfunk_alert_latency_seconds", "From the time a rule was fulfilled to the committed alert.",
            buckets=_LATENCY_BUCKETS, registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "stadtfunk_alert_rule_seconds", "Time to evaluate and reconcile one rule.", ["rule"],
            buckets=_RULE_BUCKETS, registry=registry,
        )  # fmt: skip
        self._learned = Gauge("stadtfunk_device_intervals", "Devices whose interval is learned.", registry=registry)

    def active(self, active: bool) -> None:
        """The engine got the lock, or lost it."""
        self._active.set(active)

    def configured(self, rules: int) -> None:
        """So many rules are to be evaluated."""
        self._rules.set(rules)

    def round_done(self, at: datetime) -> None:
        """Every rule that was due had its turn."""
        self._round.set(at.timestamp())

    def rule_done(self, rule: str, seconds: float, steps: Mapping[Step, int], messages: int) -> None:
        """A rule was evaluated and committed."""
        self._seconds.labels(rule).observe(seconds)
        self._failures.labels(rule)  # begins at zero, so that a first failure is an increase
        self._messages.labels(rule).inc(messages)
        for step, count in steps.items():
            self._steps.labels(rule, step.value).inc(count)

    def rule_failed(self, rule: str) -> None:
        """An evaluation failed."""
        self._failures.labels(rule).inc()

    def opened(self, seconds: float) -> None:
        """An alert was committed so long after it was due."""
        self._latency.observe(seconds)

    def open_alerts(self, counts: Mapping[tuple[str, str], int]) -> None:
        """How many are open, by rule and severity."""
        self._open.clear()
        for rule in {rule for rule, _ in counts}:
            for severity in Severity:
                self._open.labels(rule, severity.value).set(counts.get((rule, severity.value), 0))

    def learned(self, devices: int) -> None:
        """So many devices' intervals are known."""
        self._learned.set(devices)
