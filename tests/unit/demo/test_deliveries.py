"""Deliveries: merged copies, gateways that send late, redeliveries and second events."""

import numpy as np
import pytest

from stadtfunk.demo.clock import HOUR, MINUTE, SECOND, random_stream
from stadtfunk.demo.deliveries import Deliveries, deliver
from stadtfunk.demo.device import Frames
from stadtfunk.demo.outages import Outage, OutageKind
from stadtfunk.demo.radio import Receptions
from stadtfunk.demo.settings import FaultSettings, NetworkSettings
from tests.unit.demo.support import NO_FAULTS

HOURS = 24


def frames(devices: int) -> Frames:
    device = np.repeat(np.arange(devices), HOURS)
    sent_at = np.tile(np.arange(HOURS) * HOUR, devices) + device * MINUTE
    return Frames(device, sent_at, np.ones(len(device), np.int64), np.zeros(len(device)), [], [])


def heard(pairs: list[tuple[int, int]]) -> Receptions:
    frame, gateway = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    return Receptions(frame, gateway, np.full(len(frame), -100), np.full(len(frame), 5.0))


def run(
    sent: Frames,
    pairs: list[tuple[int, int]],
    *,
    outages: tuple[Outage, ...] = (),
    faults: FaultSettings = NO_FAULTS,
    unchecked: bool = False,
) -> Deliveries:
    flags = np.full(len(sent), unchecked)
    return deliver(sent, heard(pairs), outages, flags, (faults, NetworkSettings()), random_stream(1, "deliveries"))


CUT_OFF = Outage(gateway=0, kind=OutageKind.BACKHAUL, began=5 * HOUR, ended=9 * HOUR + 30 * MINUTE)


def test_copies_of_a_frame_are_one_event():
    sent = frames(1)
    result = run(sent, [(row, gateway) for row in range(HOURS) for gateway in range(3)])
    assert result.frame.tolist() == list(range(HOURS))
    assert (result.last - result.first).tolist() == [3] * HOURS
    delay = result.published_at - sent.sent_at
    assert (delay > 200_000_000).all()
    assert (delay < 400_000_000).all()
    assert (result.ns_time[result.first] < result.published_at).all()


def test_the_order_of_copies_is_random():
    result = run(frames(1), [(row, gateway) for row in range(HOURS) for gateway in range(3)])
    orders = {tuple(result.receptions.gateway[a:b]) for a, b in zip(result.first, result.last, strict=True)}
    assert len(orders) == 6


def test_what_only_a_cut_off_gateway_heard_comes_late_and_in_order():
    sent = frames(2)
    result = run(sent, [(row, 0) for row in range(2 * HOURS)], outages=(CUT_OFF,))
    assert len(result) == 2 * HOURS
    assert not result.dropped
    late = result.published_at - sent.sent_at[result.frame] > MINUTE
    assert sorted(sent.sent_at[result.frame[late]] // HOUR) == sorted([5, 6, 7, 8, 9] * 2)
    arrived = np.sort(result.ns_time[result.first[late]])
    assert arrived[0] >= CUT_OFF.ended
    assert np.diff(arrived) == pytest.approx(np.full(9, SECOND / 50), abs=2)
    for device in range(2):
        rows = result.frame[np.argsort(result.published_at, kind="stable")]
        own = rows[sent.device[rows] == device]
        assert own.tolist() == sorted(own.tolist())


def test_a_late_copy_of_a_delivered_frame_is_dropped():
    pairs = [(row, 0) for row in range(HOURS)] + [(row, 1) for row in range(HOURS)]
    result = run(frames(1), pairs, outages=(CUT_OFF,))
    assert len(result) == HOURS
    assert [(drop.frame, drop.repeats) for drop in result.dropped] == [
        (5, False),
        (6, False),
        (7, False),
        (8, False),
        (9, True),
    ]


def test_a_late_frame_is_dropped_when_a_newer_one_came_first():
    """Frames 5 to 9 are heard by the cut-off gateway alone but for frame 7, which another gateway delivers in time."""
    pairs = [(row, 0) for row in range(HOURS) if row != 7] + [(7, 1)]
    result = run(frames(1), pairs, outages=(CUT_OFF,))
    assert [drop.frame for drop in result.dropped] == [5, 6]
    assert sorted(result.frame.tolist()) == [row for row in range(HOURS) if row not in (5, 6)]


def test_a_redelivery_is_the_same_event_again():
    faults = NO_FAULTS.model_copy(update={"redelivery_probability": 1.0})
    result = run(frames(1), [(row, 0) for row in range(HOURS)], faults=faults)
    assert len(result) == 2 * HOURS
    assert result.identity[HOURS:].tolist() == result.identity[:HOURS].tolist()
    assert result.first[HOURS:].tolist() == result.first[:HOURS].tolist()
    pause = result.published_at[HOURS:] - result.published_at[:HOURS]
    assert ((pause > 0) & (pause <= 30 * SECOND)).all()


@pytest.mark.parametrize("unchecked", [True, False])
def test_a_second_event_needs_a_device_whose_counter_nobody_checks(unchecked):
    faults = NO_FAULTS.model_copy(update={"second_event_probability": 1.0})
    pairs = [(row, gateway) for row in range(HOURS) for gateway in range(2)]
    result = run(frames(1), pairs, faults=faults, unchecked=unchecked)
    assert len(result) == (2 * HOURS if unchecked else HOURS)
    assert len(set(result.identity.tolist())) == len(result)
    assert (result.last - result.first).sum() == len(pairs)
    assert (result.published_at > result.ns_time[result.first]).all()


def test_nothing_heard_nothing_published():
    result = run(frames(1), [])
    assert len(result) == 0
