"""Pings, and what a missing answer means."""

from ingest.mqtt.keepalive import KeepAlive, Pulse


def test_a_quiet_connection_is_pinged_after_half_the_keepalive() -> None:
    keepalive = KeepAlive(30, sent_at=0, received_at=0)
    assert keepalive.check(14, paused=False) is Pulse.NOTHING
    assert keepalive.check(15, paused=False) is Pulse.PING
    assert keepalive.check(16, paused=False) is Pulse.NOTHING


def test_traffic_in_one_direction_does_not_replace_a_ping() -> None:
    """Who only receives must still send, and who only sends must know that somebody listens."""
    receiving = KeepAlive(30, sent_at=0, received_at=20)
    sending = KeepAlive(30, sent_at=20, received_at=0)
    assert receiving.check(20, paused=False) is Pulse.PING
    assert sending.check(20, paused=False) is Pulse.PING


def test_silence_after_a_ping_is_death_within_two_keepalives() -> None:
    keepalive = KeepAlive(30, sent_at=0, received_at=0)
    now, pulse = 0.0, Pulse.NOTHING
    while pulse is not Pulse.DEAD:
        now += keepalive.tick
        pulse = keepalive.check(now, paused=False)
    assert 30 <= now <= 60


def test_anything_received_answers_a_ping() -> None:
    keepalive = KeepAlive(30, sent_at=0, received_at=0)
    assert keepalive.check(15, paused=False) is Pulse.PING
    keepalive.received_at = 16
    assert keepalive.check(45, paused=False) is Pulse.PING


def test_while_paused_pings_go_on_and_nobody_dies() -> None:
    keepalive = KeepAlive(30, sent_at=0, received_at=0)
    pulses = [keepalive.check(second, paused=True) for second in range(0, 301, 5)]
    assert Pulse.DEAD not in pulses
    assert 18 <= pulses.count(Pulse.PING) <= 21


def test_after_a_pause_the_answer_gets_its_full_time() -> None:
    keepalive = KeepAlive(30, sent_at=0, received_at=0)
    for second in range(0, 300, 5):
        keepalive.check(second, paused=True)
    resumed = [keepalive.check(second, paused=False) for second in range(300, 325, 5)]
    assert Pulse.DEAD not in resumed
