"""Hours of bays from change to change, by hand."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.statistics.bays import Pool, Times, site_hours, united
from alerts.statistics.calendar import Hours, Month
from alerts.statistics.figures import BayFigures, Frames
from alerts.statistics.measures import availability, delivery

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = Hours.of(Month.parse("2026-11").span(BERLIN), BERLIN)
HOUR = 3600.0


def at(hour: float) -> float:
    return float(HOURS.edges[0]) + hour * HOUR


def times(*spans: tuple[float, float]) -> Times:
    return Times.of((at(start), at(end)) for start, end in spans)


def figures(*pools: Pool) -> BayFigures:
    return site_hours(pools, HOURS, free=Frames(), covered=Frames())


def pool(bays: int = 1, points: int = 1, **given: Times) -> Pool:
    nothing = {name: times() for name in ("known", "occupied", "reported", "in_use", "down")}
    return Pool(bays, points, **(nothing | given))


def test_a_bay_that_charges_half_of_the_time_it_is_occupied() -> None:
    found = figures(
        pool(known=times((0, 10)), occupied=times((2, 6)), reported=times((0, 10)), in_use=times((2.5, 4.5)))
    )
    assert (found.occupied, found.judged, found.idle) == pytest.approx((4.0, 10.0, 2.0))
    assert availability(found) == pytest.approx(0.8)


def test_without_contact_to_the_operator_nothing_is_judged() -> None:
    found = figures(pool(known=times((0, 10)), occupied=times((2, 6)), reported=times((0, 3))))
    assert (found.judged, found.idle) == pytest.approx((3.0, 1.0))
    assert availability(figures(pool(known=times((0, 5)), occupied=times((0, 5))))) is None


def test_a_silent_sensor_is_not_watched() -> None:
    found = figures(pool(known=times((0, 2), (5, 6)), reported=times((0, 10))))
    assert sum(found.watched) == pytest.approx(3.0)
    assert found.judged == pytest.approx(3.0)


def test_a_broken_point_with_a_car_before_it_is_one_lost_place() -> None:
    found = figures(pool(known=times((0, 10)), occupied=times((4, 8)), reported=times((0, 10)), down=times((0, 10))))
    assert found.unavailable == pytest.approx(10.0)
    assert availability(found) == pytest.approx(0.0)


def test_bays_that_share_their_points() -> None:
    """Two bays, two points: two cars and one session from 1 to 3, one car and one session from 3 to 4."""
    found = figures(
        pool(
            2,
            2,
            known=times((0, 10), (0, 10)),
            occupied=times((1, 3), (0.5, 4)),
            reported=times((0, 10), (0, 10)),
            in_use=times((1, 4)),
        )
    )
    assert found.idle == pytest.approx(0.5 + 2.0)
    assert found.judged == pytest.approx(20.0)
    assert availability(found) == pytest.approx(1 - 2.5 / 20)


def test_a_bay_without_a_point_is_watched_but_not_judged() -> None:
    found = figures(pool(points=0, known=times((0, 10)), occupied=times((0, 5))))
    assert (sum(found.watched), found.judged) == pytest.approx((10.0, 0.0))


def test_spans_over_the_edge_of_the_month_are_cut() -> None:
    found = figures(pool(known=times((-5, 1)), occupied=times((-5, 1)), reported=times((-5, 2))))
    assert (found.occupied, found.judged) == pytest.approx((1.0, 1.0))


def test_days_watched_are_those_with_half_of_the_hour() -> None:
    """1 November is a Sunday: its first hour whole, the same hour a week later for 20 minutes only."""
    week = 7 * 24
    found = figures(pool(known=times((0, 1), (week, week + 1 / 3))))
    assert found.watched[6 * 24] == pytest.approx(4 / 3)
    assert found.watched_days[6 * 24] == 1


def test_spans_are_united() -> None:
    assert united([(5, 6), (0, 2), (1, 3), (3, 4)]) == [(0, 4), (5, 6)]


def test_times_at_a_moment() -> None:
    found = Times.of([(0, 2), (1, 3), (5, 5)]).at(np.array([-1.0, 0.0, 1.0, 2.0, 3.0]))
    assert found.tolist() == [0, 1, 2, 1, 0]


def test_delivery_is_unknown_without_frames() -> None:
    assert delivery(Frames()) is None
    assert delivery(Frames(received=53, missing=47)) == pytest.approx(0.53)
