"""Outages of gateways: how often, how long, and a function of the day alone."""

import numpy as np
import pytest

from stadtfunk.demo.clock import DAY, HOUR, MINUTE, day_of
from stadtfunk.demo.outages import OutageKind, Outages, reachable
from stadtfunk.demo.settings import FaultSettings

FIRST = 20_600
OUTAGES = Outages(FaultSettings(), 1, 22)


def month_of(kind: OutageKind) -> list:
    found = {outage for number in range(300) for outage in OUTAGES.touching(day_of(FIRST + number))}
    return [outage for outage in found if outage.kind is kind]


@pytest.mark.parametrize(
    ("kind", "per_month", "hours"), [(OutageKind.OFF, 1.0, (2, 8)), (OutageKind.BACKHAUL, 0.7, (0.5, 6))]
)
def test_how_often_and_how_long(kind, per_month, hours):
    outages = month_of(kind)
    assert len(outages) / 22 / (300 / 30.4375) == pytest.approx(per_month, rel=0.2)
    lengths = [(outage.ended - outage.began) / HOUR for outage in outages]
    assert hours[0] <= min(lengths) < max(lengths) <= hours[1]


def test_kept_uplinks_are_sent_within_the_day():
    for outage in month_of(OutageKind.BACKHAUL):
        assert outage.began // DAY == (outage.ended + 29 * MINUTE) // DAY


def test_an_outage_over_midnight_touches_both_days():
    over = next(outage for outage in month_of(OutageKind.OFF) if outage.began // DAY != outage.ended // DAY)
    first, second = day_of(over.began // DAY), day_of(over.ended // DAY)
    assert over in OUTAGES.touching(first)
    assert over in OUTAGES.touching(second)
    assert over not in OUTAGES.touching(day_of(second.number + 1))


def test_who_is_reachable():
    outage = next(iter(month_of(OutageKind.OFF)))
    sent_at = np.array([outage.began - 1, outage.began, outage.ended - 1, outage.ended])
    on = reachable([outage], sent_at, 22)
    assert on is not None
    assert on[:, outage.gateway].tolist() == [True, False, False, True]
    assert on.sum() == 4 * 22 - 2
    assert reachable(month_of(OutageKind.BACKHAUL), sent_at, 22) is None


def test_wrong_clocks():
    errors = Outages(FaultSettings(gps_fault_probability=0.5, clock_fault_probability=0.5), 1, 400)
    day = day_of(FIRST)
    wrong = errors.clock_errors(day)
    assert set(wrong.clock.tolist()) == {0, 35 * MINUTE}
    assert set(wrong.satellite.tolist()) == {0, 35 * MINUTE, 3672 * DAY - day.start}
    assert (wrong.satellite != 0).mean() == pytest.approx(0.5, abs=0.1)
