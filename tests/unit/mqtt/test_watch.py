"""Signs of loss and silence, with a clock that the test moves."""

from datetime import timedelta

import pytest

from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import SourceSettings
from tests.unit.mqtt.parts import Parts

HOUR = timedelta(hours=1)


def dropped(parts: Parts, count: int) -> None:
    parts.watch.qos0_arrived([parts.delivery(topic=BROKER_DROPPED_TOPIC, payload=str(count).encode())])


def test_a_loss_is_forgotten_an_hour_after_its_last_sign(parts: Parts) -> None:
    parts.watch.qos0_arrived([parts.delivery()])
    parts.now += HOUR * 0.9
    parts.watch.qos0_arrived([parts.delivery()])
    parts.now += HOUR * 0.9
    parts.watch.check()
    assert parts.state.lossy
    parts.now += HOUR * 0.2
    parts.watch.check()
    assert not parts.state.lossy
    assert parts.state.problems == []


def test_only_growth_of_the_brokers_count_is_a_loss(parts: Parts) -> None:
    dropped(parts, 0)
    assert not parts.state.lossy
    dropped(parts, 5)
    assert parts.state.lossy
    parts.now += HOUR * 2
    parts.watch.check()
    dropped(parts, 5)
    assert not parts.state.lossy
    dropped(parts, 3)  # the broker has been restarted, and has dropped since
    assert parts.state.broker_dropped == 3
    assert not parts.state.lossy
    dropped(parts, 4)
    assert parts.state.lossy


@pytest.mark.parametrize("payload", [b"", b"many", b"-1", "٣".encode()])
def test_nonsense_from_the_broker_is_ignored(parts: Parts, payload: bytes) -> None:
    parts.watch.qos0_arrived([parts.delivery(topic=BROKER_DROPPED_TOPIC, payload=payload)])
    assert parts.state.broker_dropped is None


def test_qos_0_while_paused_is_said_apart(parts: Parts) -> None:
    parts.state.paused = True
    parts.watch.check()
    assert parts.state.problems == []
    parts.watch.qos0_arrived([parts.delivery()])
    parts.watch.check()
    assert any("paused" in sentence for sentence in parts.state.problems)


def test_our_own_qos_0_is_our_own_fault(parts: Parts) -> None:
    parts.use(SourceSettings(name="city", qos=0))
    parts.watch.qos0_arrived([parts.delivery()])
    assert any("source's settings" in sentence for sentence in parts.state.problems)


def test_silence_is_reported_and_ends_with_a_message(parts: Parts) -> None:
    parts.use(SourceSettings(name="tts", format="thethings"), expects_messages=True)
    parts.now += timedelta(minutes=59)
    parts.watch.check()
    assert parts.state.problems == []
    parts.now += timedelta(minutes=2)
    parts.watch.check()
    assert "60 minutes" in parts.state.problems[0]
    assert not parts.state.lossy
    parts.state.last_message_at = parts.now
    parts.watch.check()
    assert parts.state.problems == []


def test_silence_is_no_problem_where_a_canary_flies(parts: Parts) -> None:
    parts.now += HOUR * 100
    parts.watch.check()
    assert parts.state.problems == []


def test_a_broker_that_keeps_the_session_too_short_is_named(parts: Parts) -> None:
    parts.watch.session_checked(lost=False, kept_seconds=3600)
    assert "3600 s" in parts.state.problems[0]
    assert parts.state.lossy
    parts.watch.session_checked(lost=False, kept_seconds=None)
    assert parts.state.problems == []


def test_the_things_stack_has_no_session_to_lose(parts: Parts) -> None:
    parts.use(SourceSettings(name="tts", format="thethings"))
    parts.watch.session_checked(lost=True, kept_seconds=None)
    assert parts.state.problems == []


def test_settings_that_can_lose_messages_are_said(parts: Parts) -> None:
    parts.use(SourceSettings(name="city", shared_group="g", session_expiry=0))
    assert "2.0.12" in " ".join(parts.state.problems)
