"""Properties of every history of bays that share charge points. The counts are made anew here, in steps of 15 seconds:
never are more cars accused than stand there beyond the points in use, out of order or gone."""

import random
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.charging.status import EvseState
from alerts.parking.findings import cases
from alerts.parking.inputs import History
from alerts.parking.story import BayStory, tell
from alerts.parking.verdict import Code
from alerts.spans import Span

from .timeline import NOON, RULES, Timeline, group_stories

STEP = timedelta(seconds=15)
STEPS = 4 * 60 * 4
TIMERS = RULES.settings.timers
POINTS = ("A", "B")

at_step = st.integers(0, STEPS)
sensor = st.lists(st.tuples(at_step, st.sampled_from([True, True, False, None]), st.booleans()), max_size=7)
charge_point = st.lists(st.tuples(at_step, st.sampled_from(list(EvseState))), max_size=6)
link = st.lists(st.tuples(at_step, st.integers(0, STEPS)), min_size=1, max_size=3)


@st.composite
def groups(draw: st.DrawFn) -> list[Timeline]:
    """Two or three bays with two points."""
    bays = [Timeline(key=f"LS09-{number + 1}", evses=POINTS, group="LS09") for number in range(draw(st.integers(2, 3)))]
    for bay in bays:
        bay.sees(-60, False, heartbeat=True)
        for step, occupied, heartbeat in sorted(draw(sensor), key=lambda one: one[0]):
            bay.sees(step / 4, occupied, heartbeat=heartbeat and occupied is not None)
    first = bays[0]
    for evse in POINTS:
        first.point(-120, EvseState.IDLE, evse=evse)
        for step, state in draw(charge_point):
            first.point(step / 4, state, evse=evse)
    first.linked(-120, 0)
    for start, length in draw(link):
        first.linked(start / 4, min(STEPS, start + length) / 4)
    return bays


@settings(max_examples=100, deadline=None)
@given(groups(), st.randoms(use_true_random=False), at_step)
def test_neither_order_nor_repetition_matters(bays: list[Timeline], order: random.Random, step: int) -> None:
    expected = group_stories(bays, step / 4)
    for bay in bays:
        for events in (bay.sightings, bay.statuses, bay.contacts):
            events += order.sample(events, k=len(events) // 2)
            order.shuffle(events)
    assert group_stories(bays, step / 4) == expected


@settings(max_examples=100, deadline=None)
@given(groups(), at_step)
def test_what_comes_later_is_not_known_before(bays: list[Timeline], step: int) -> None:
    now = bays[0].at(step / 4)
    statuses = [one for one in bays[0].statuses if one.at <= now]
    contacts = [Span(one.start, min(one.end, now)) for one in bays[0].contacts if one.start <= now]
    so_far = {
        bay.key: History([one for one in bay.sightings if one.at <= now], statuses=statuses, contacts=contacts)
        for bay in bays
    }
    assert tell([bay.bay for bay in bays], so_far, RULES, now) == group_stories(bays, step / 4)


@settings(max_examples=250, deadline=None)
@given(groups())
def test_no_case_without_the_full_grace_in_which_a_car_was_beyond_the_points(bays: list[Timeline]) -> None:
    for story in group_stories(bays, STEPS / 4):
        for verdict in story.verdicts:
            for raised in verdict.case.raised:
                if raised.code is Code.V1_NO_CHARGE:
                    assert (
                        accusable_steps(bays, story, verdict.occupancy.since, raised.opened_at) * STEP >= TIMERS.grace
                    )
                    assert beyond(bays, raised.opened_at) > 0


@settings(max_examples=100, deadline=None)
@given(groups(), at_step)
def test_open_cases_of_a_group_are_one_and_name_no_bay_that_is_free(bays: list[Timeline], step: int) -> None:
    stories = group_stories(bays, step / 4)
    still = [one for one in cases(stories) if one.ended is None]
    assert len(still) <= 1
    for one in still:
        open_bays = {story.bay.key for story in stories if any(verdict.case.open for verdict in story.verdicts)}
        assert set(one.facts["candidates"]) == open_bays


def accusable_steps(bays: list[Timeline], story: BayStory, since: datetime, until: datetime) -> int:
    """Steps in which this bay was known to be taken, and some car was beyond the points."""
    times = (NOON + step * STEP + STEP / 2 for step in range(-1, STEPS + 1))
    own = next(bay for bay in bays if bay.key == story.bay.key)
    return sum(
        since <= at < until and seen(own, at) is True and fresh(bays[0], at) and beyond(bays, at) > 0 for at in times
    )


def beyond(bays: list[Timeline], at: datetime) -> int:
    """How many cars are more than the points in use and out of order, and at most as many as points are idle."""
    states = [state(bays[0], evse, at) for evse in POINTS]
    if EvseState.UNKNOWN in states:
        return 0
    taken = sum(one.charging or one in (EvseState.CONNECTED, EvseState.DOWN) for one in states)
    cars = sum(stands(bay, at) for bay in bays)
    return min(cars - taken, sum(one.idle for one in states))


def stands(bay: Timeline, at: datetime) -> bool:
    """Whether a car may stand there: debounced arrivals and departures count up to their debounce."""
    later = at + TIMERS.occupied_stable
    said = [one for one in bay.sightings if one.at <= later and one.occupied is not None]
    before = [one for one in said if one.at <= at]
    recent = [one for one in said if one.at > at - TIMERS.merge]
    return any(one.occupied for one in recent) or any(
        max(heard, key=by_time).occupied for heard in (said, before) if heard
    )


def seen(bay: Timeline, at: datetime) -> bool | None:
    last = max((one for one in bay.sightings if one.at <= at), key=by_time)
    return last.occupied if at - last.at < TIMERS.occupancy_stale else None


def by_time(one: object) -> tuple[datetime, int]:
    return one.at, one.f_cnt


def fresh(first: Timeline, at: datetime) -> bool:
    """Between two contacts that are close enough to each other."""
    before = max((min(one.end, at) for one in first.contacts if one.start <= at), default=None)
    after = min((max(one.start, at) for one in first.contacts if one.end >= at), default=None)
    return before is not None and after is not None and after - before <= TIMERS.evse_stale


def state(first: Timeline, evse: str, at: datetime) -> EvseState:
    known = [one for one in first.statuses if one.evse == evse and one.at <= at]
    return max(known, key=lambda one: (one.at, one.id)).state
