"""Pauses double up to a limit; a channel sends no faster than it may."""

from datetime import timedelta

import pytest

from alerts.pacing import Pace, pause

FIRST, LONGEST = timedelta(seconds=5), timedelta(hours=1)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 5), (2, 10), (5, 80), (10, 2560), (11, 3600), (5000, 3600)])
def test_pauses_double_up_to_the_longest(attempts, seconds):
    middle = pause(attempts, first=FIRST, longest=LONGEST, draw=lambda: 0.5)
    assert middle == timedelta(seconds=seconds)
    low, high = (pause(attempts, first=FIRST, longest=LONGEST, draw=lambda drawn=drawn: drawn) for drawn in (0.0, 1.0))
    assert (low, high) == (middle * 0.75, middle * 1.25)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def sent_within(pace, clock, seconds):
    end, count = clock.now + seconds, 0
    while clock.now < end:
        if pace.wait() == 0:
            pace.spend()
            count += 1
        else:
            clock.now += max(pace.wait(), 1e-6)
    return count


@pytest.mark.parametrize("per_minute", [1, 30, 600])
def test_no_more_than_so_many_a_minute(per_minute):
    clock = Clock()
    pace = Pace(per_minute, clock=clock)
    burst = per_minute / 6 + 1
    assert per_minute * 10 - 1 <= sent_within(pace, clock, 600) <= per_minute * 10 + burst + 1


def test_a_long_rest_does_not_earn_a_flood():
    clock = Clock()
    pace = Pace(60, clock=clock)
    clock.now += 86_400
    assert sent_within(pace, clock, 0.5) <= 11


def test_a_receiver_that_wants_rest_gets_it():
    clock = Clock()
    pace = Pace(60, clock=clock)
    pace.rest(30)
    assert pace.wait() == 30
    pace.rest(10)
    assert pace.wait() == 30
    clock.now += 30
    assert pace.wait() == 0
