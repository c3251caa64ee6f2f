"""Properties of every history: order of arrival does not matter, the future is not known, and nobody is accused without
the full grace of proven idle time. The proof of the last one counts for itself, in steps of fifteen seconds."""

import random
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alerts.charging.status import EvseState
from alerts.parking.inputs import History
from alerts.parking.story import tell
from alerts.parking.verdict import Code
from alerts.spans import Span

from .timeline import NOON, RULES, Timeline

STEP = timedelta(seconds=15)
STEPS = 4 * 60 * 5
TIMERS = RULES.settings.timers

at_step = st.integers(0, STEPS)
sensor = st.lists(
    st.tuples(at_step, st.sampled_from([True, True, False, None]), st.booleans(), st.integers(0, 1)), max_size=14
)
charge_point = st.lists(st.tuples(at_step, st.sampled_from(list(EvseState))), max_size=10)
link = st.lists(st.tuples(at_step, st.integers(0, STEPS)), min_size=1, max_size=4)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    made = Timeline()
    made.sees(-60, False, heartbeat=True).point(-120, EvseState.IDLE).linked(-120, 0)
    for step, occupied, heartbeat, lost in sorted(draw(sensor), key=lambda one: one[0]):
        made.sees(step / 4, occupied, heartbeat=heartbeat and occupied is not None, lost=lost)
    for step, state in draw(charge_point):
        made.point(step / 4, state)
    for start, length in draw(link):
        made.linked(start / 4, min(STEPS, start + length) / 4)
    return made


@settings(max_examples=150, deadline=None)
@given(timelines(), st.randoms(use_true_random=False), at_step)
def test_neither_order_nor_repetition_matters(timeline: Timeline, order: random.Random, step: int) -> None:
    expected = timeline.story(step / 4)
    for events in (timeline.sightings, timeline.statuses, timeline.contacts):
        events += order.sample(events, k=len(events) // 2)
        order.shuffle(events)
    assert timeline.story(step / 4) == expected


@settings(max_examples=150, deadline=None)
@given(timelines(), at_step)
def test_what_comes_later_is_not_known_before(timeline: Timeline, step: int) -> None:
    now = timeline.at(step / 4)
    so_far = History(
        sightings=[one for one in timeline.sightings if one.at <= now],
        statuses=[one for one in timeline.statuses if one.at <= now],
        contacts=[Span(one.start, min(one.end, now)) for one in timeline.contacts if one.start <= now],
    )
    assert tell([timeline.bay], {timeline.key: so_far}, RULES, now) == [timeline.story(step / 4)]


@settings(max_examples=300, deadline=None)
@given(timelines())
def test_no_case_without_the_full_grace_of_proven_idle_time(timeline: Timeline) -> None:
    for verdict in timeline.story(STEPS / 4).verdicts:
        for raised in verdict.case.raised:
            if raised.code is Code.V1_NO_CHARGE:
                steps = count(timeline, verdict.occupancy.since, raised.opened_at)
                assert steps * STEP >= TIMERS.grace


@settings(max_examples=300, deadline=None)
@given(timelines())
def test_no_case_opens_while_the_charge_point_is_down_or_unknown(timeline: Timeline) -> None:
    for verdict in timeline.story(STEPS / 4).verdicts:
        for raised in verdict.case.raised:
            assert raised.opened_at - raised.due_at >= TIMERS.lateness
            assert state(timeline, raised.opened_at) not in (EvseState.DOWN, EvseState.OUT_OF_SERVICE)
            assert any(one.start <= raised.opened_at <= one.end + TIMERS.evse_stale for one in timeline.contacts), (
                "the link was silent for too long"
            )


@settings(max_examples=150, deadline=None)
@given(timelines(), st.lists(at_step, min_size=2, max_size=6))
def test_looking_often_gives_what_looking_once_gives(timeline: Timeline, looks: list[int]) -> None:
    """What an earlier look found is still in the story later; but see scenario 8 for cars that nobody saw leave."""
    assume(not any(verdict.occupancy.inferred for verdict in timeline.story(STEPS / 4).verdicts))
    seen = {}
    for step in sorted(looks):
        for verdict in timeline.story(step / 4).verdicts:
            for raised in verdict.case.raised:
                seen[verdict.occupancy.since, raised.code, raised.due_at] = raised
    final = {
        (verdict.occupancy.since, raised.code, raised.due_at): raised
        for verdict in timeline.story(STEPS / 4).verdicts
        for raised in verdict.case.raised
    }
    assert set(seen) <= set(final)


def state(timeline: Timeline, at: object) -> EvseState:
    known = [one for one in timeline.statuses if one.at <= at]
    return max(known, key=lambda one: (one.at, one.id)).state if known else EvseState.UNKNOWN


def count(timeline: Timeline, since: object, until: object) -> int:
    """Steps between two times in which the car was there, its charge point idle, and both were proven."""
    total = 0
    for step in range(-1, STEPS + 1):
        at = NOON + step * STEP + STEP / 2
        if not since <= at < until:
            continue
        heard = [one for one in timeline.sightings if one.at <= at]
        last = max(heard, key=lambda one: (one.at, one.f_cnt))
        fresh = at - last.at < TIMERS.occupancy_stale and last.occupied is True
        before = max((min(one.end, at) for one in timeline.contacts if one.start <= at), default=None)
        after = min((max(one.start, at) for one in timeline.contacts if one.end >= at), default=None)
        proven = before is not None and after is not None and after - before <= TIMERS.evse_stale
        total += fresh and proven and state(timeline, at).idle
    return total
