"""The longest stay in a sign's hours: outside of them no time runs, and each span of hours allows it anew."""

from datetime import UTC, datetime, time, timedelta

import pytest

from alerts.calendar import Calendar, Hours
from alerts.charging.status import EvseState
from alerts.parking.inputs import Regime, Sign
from alerts.parking.stay import stays
from alerts.parking.verdict import Code
from alerts.spans import Span

from .timeline import Timeline, free_before

HOUR = timedelta(hours=1)
BY_DAY = (
    Hours(weekdays=frozenset({"mon", "tue", "wed", "thu", "fri"}), start=time(8), end=time(18), holidays="never"),
)
SIGN = Sign(Regime.EV_CHARGING, max_stay=2 * HOUR, stay_hours=BY_DAY)


def local(month: int, day: int, hour: int, minute: int = 0, *, offset: int = 1) -> datetime:
    """A time in Mainz, in UTC; an hour ahead of it in winter, two in summer."""
    return datetime(2026, month, day, hour, minute, tzinfo=UTC) - offset * HOUR


def raised(arrival: datetime, hours: int) -> list[datetime]:
    """When a car that charges from its arrival on exceeds the longest stay."""
    car = free_before(Timeline(start=arrival, sign=SIGN)).sees(0, True).point(1, EvseState.IN_USE)
    for hour in range(1, hours + 1):
        car.sees(60 * hour, True, heartbeat=True)
    car.contacts = [Span(arrival - HOUR, car.at(60 * hours))]
    found = car.verdict(60 * hours).case.raised
    assert {one.code for one in found} <= {Code.V3_MAX_STAY}
    return [one.due_at for one in found]


@pytest.mark.parametrize(
    ("arrival", "hours", "due_at"),
    [
        (local(11, 24, 14, 5), 8, local(11, 24, 16, 45)),  # disc 14:30, end 16:30, tolerance until 16:45
        (local(11, 24, 16, 10), 24, local(11, 25, 10, 15)),  # would end 18:30: the hours are over; Wednesday anew
        (local(11, 24, 15, 5), 24, local(11, 24, 17, 45)),  # ends 17:30
        (local(11, 24, 15, 35), 24, local(11, 25, 10, 15)),  # ends with the hours at 18:00
        (local(11, 24, 15, 15), 24, local(11, 24, 17, 45)),
        (local(11, 24, 20, 0), 24, local(11, 25, 10, 15)),  # overnight: disc at 08:00
        (local(11, 25, 6, 0), 8, local(11, 25, 10, 15)),  # before the hours
        (local(11, 27, 17, 0), 70, local(11, 30, 10, 15)),  # a weekend: Friday evening until Monday
        (local(6, 3, 17, 0, offset=2), 60, local(6, 5, 10, 15, offset=2)),  # Fronleichnam is a Thursday
    ],
)
def test_who_stands_there_outside_of_the_hours_has_the_longest_stay_when_they_begin(arrival, hours, due_at):
    assert raised(arrival, hours) == [due_at]


def test_a_stay_that_ends_before_the_hours_do_but_is_tolerated_until_their_end_is_no_case_in_the_morning():
    assert raised(local(11, 24, 15, 40), 14) == []
    almost = Sign(Regime.EV_CHARGING, max_stay=2 * HOUR, stay_hours=(Hours(start=time(8), end=time(17, 46)),))
    car = free_before(Timeline(start=local(11, 24, 15, 10), sign=almost)).sees(0, True).point(1, EvseState.IN_USE)
    for hour in range(1, 20):
        car.sees(60 * hour, True, heartbeat=True)
    car.contacts = [Span(car.at(-60), car.at(1200))]
    assert car.codes(60 * 18) == [], "due at 17:45, but the hours ended before the case could open"


def test_hours_that_never_end_allow_it_once():
    whole = Sign(Regime.EV_CHARGING, max_stay=2 * HOUR)
    arrival = local(11, 24, 23, 10)
    [only] = stays(whole, arrival, arrival + 40 * HOUR, Calendar())
    assert only.legal_end == local(11, 25, 1, 30)


def test_the_fact_of_a_case_is_the_end_that_was_exceeded():
    car = free_before(Timeline(start=local(11, 24, 20), sign=SIGN)).sees(0, True).point(1, EvseState.IN_USE)
    for hour in range(1, 40):
        car.sees(60 * hour, True, heartbeat=True)
    car.contacts = [Span(car.at(-60), car.at(3000))]
    assert car.verdict(60 * 15).legal_end == local(11, 25, 10)
    assert car.verdict(60 * 38).legal_end == local(11, 25, 10), "the next morning changes nothing"
