"""Watches one source for signs that it loses messages or has fallen silent, and says which line to change where."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.delivery import Delivery, LinkState
from ingest.mqtt.problems import Problem, Problems
from ingest.settings import SourceSettings

BROKER_DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"
MEMORY = timedelta(hours=1)
"""How long a loss is shown after its last sign."""
CHECK_SECONDS = 5.0
DEFAULT_SILENCE_MINUTES = 60.0

_CHIRPSTACK_QOS0 = (
    "Uplinks arrive at QoS 0, so the broker keeps none while this service is away: add the line `qos = 1` under "
    "[integration.mqtt] in chirpstack.toml and restart ChirpStack"
)
_THETHINGS_QOS0 = (
    "The Things Stack publishes at QoS 0 only, and nothing there can change it: uplinks of the time in which this "
    "service is away are lost here; add its webhook, which retries, or replay its storage export"
)
_OWN_QOS0 = "Uplinks arrive at QoS 0 because this source is configured so: set `qos: 1` in the source's settings"
_GATEWAY_QOS0 = (
    "Gateway statistics arrive at QoS 0: `qos = 1` under [mqtt] in chirpstack-mqtt-forwarder.toml (ChirpStack Gateway "
    "Bridge: under [integration.mqtt.auth.generic]) makes the broker keep them while this service is away"
)
_SESSION_LOST = (
    "The broker had forgotten our session, and with it every uplink that it had queued for us: set `persistence true` "
    "and `autosave_interval 30` in mosquitto.conf, and `persistent_client_expiration` to more than the longest outage"
)


@dataclass(slots=True)
class LossWatch:
    """Turns what a subscription sees into problems; losses are forgotten an hour after their last sign."""

    settings: SourceSettings
    state: LinkState
    problems: Problems
    clock: Callable[[], datetime]
    expects_messages: bool
    """Whether silence is a problem although the source is configured without `silence_minutes`."""
    _last_sign: dict[Problem, datetime] = field(default_factory=dict)
    _started_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._started_at = self.clock()
        if self.settings.warnings:
            self.problems.report(Problem.SETTING, "; ".join(self.settings.warnings))

    async def run(self) -> None:
        """Look again every few seconds, until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(CHECK_SECONDS)

    def check(self) -> None:
        """Forget old losses and look for silence."""
        now = self.clock()
        for problem, seen_at in list(self._last_sign.items()):
            if now - seen_at > MEMORY:
                del self._last_sign[problem]
                self.problems.solved(problem)
        self._check_pause()
        self._check_silence(now)

    def qos0_arrived(self, deliveries: Sequence[Delivery]) -> int:
        """Look at messages that came at QoS 0; returns how many are the source's own, without the broker's status."""
        ours = [delivery for delivery in deliveries if not self._is_broker_status(delivery)]
        for problem in {self._qos0_problem(delivery.topic) for delivery in ours if not delivery.retain}:
            self._lossy(problem, self._qos0_sentence(problem))
        return len(ours)

    def session_checked(self, *, lost: bool, kept_seconds: int | None) -> None:
        """Note what the broker said about our session when it accepted a connection."""
        if lost and self.settings.format != "thethings":
            self._lossy(Problem.SESSION_LOST, _SESSION_LOST)
        wanted = self.settings.session_expiry
        if kept_seconds is None or kept_seconds >= wanted:
            self.problems.solved(Problem.SHORT_SESSION)
            return
        self.problems.report(
            Problem.SHORT_SESSION,
            f"The broker keeps our session for {kept_seconds} s instead of {wanted} s: raise its limit for the session "
            "expiry, or an outage longer than that loses what it had queued",
        )

    def _is_broker_status(self, delivery: Delivery) -> bool:
        if not delivery.topic.startswith("$SYS/"):
            return False
        if delivery.topic == BROKER_DROPPED_TOPIC and delivery.payload.isdigit():
            self._broker_dropped(int(delivery.payload[:20]))
        return True

    def _broker_dropped(self, count: int) -> None:
        before, self.state.broker_dropped = self.state.broker_dropped, count
        if count <= (before or 0):
            return
        self._lossy(
            Problem.BROKER_DROPS,
            f"The broker has dropped {count} messages since it started ($SYS), for us or another of its clients: raise "
            "`max_queued_messages` (default 1000 per client) and `max_queued_bytes` in mosquitto.conf, and remove "
            "sessions that nobody reads",
        )

    def _qos0_problem(self, topic: str) -> Problem:
        return Problem.GATEWAY_QOS0 if "gateway" in topic.split("/")[:2] else Problem.QOS0

    def _qos0_sentence(self, problem: Problem) -> str:
        if problem is Problem.GATEWAY_QOS0:
            return _GATEWAY_QOS0
        if self.settings.format == "thethings":
            return _THETHINGS_QOS0
        return _OWN_QOS0 if self.settings.qos == 0 else _CHIRPSTACK_QOS0

    def _lossy(self, problem: Problem, sentence: str) -> None:
        self._last_sign[problem] = self.clock()
        self.problems.report(problem, sentence)

    def _check_pause(self) -> None:
        if self.state.paused and Problem.QOS0 in self.problems:
            self._lossy(
                Problem.QOS0_WHILE_PAUSED,
                "Reading was paused because the database did not keep up; what came at QoS 0 meanwhile may be lost at "
                "the broker: see why the database is slow (`stadtfunk status`)",
            )

    def _check_silence(self, now: datetime) -> None:
        minutes = self.settings.silence_minutes or (DEFAULT_SILENCE_MINUTES if self.expects_messages else None)
        if minutes is None:
            return
        if now - (self.state.last_message_at or self._started_at) < timedelta(minutes=minutes):
            self.problems.solved(Problem.SILENT)
            return
        self.problems.report(
            Problem.SILENT,
            f"No message for {minutes:g} minutes: check that the network server publishes and that the broker's access "
            f"list lets `{self.settings.username or 'anonymous'}` read {self.settings.topics[0]}",
        )
