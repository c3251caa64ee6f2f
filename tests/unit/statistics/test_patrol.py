"""Where to look: not where chance was kind once."""

import pytest

from alerts.statistics.calendar import CELLS
from alerts.statistics.figures import BayFigures, CaseFigures, SiteFigures
from alerts.statistics.patrol import suggestions
from tests.unit.statistics.test_measures import cells

EVERY = tuple([1.0] * CELLS)


def site(key: str, hits: tuple[float, ...], watched: tuple[float, ...], bays: int = 1) -> SiteFigures:
    return SiteFigures(key, key, "", CaseFigures(hits=hits), BayFigures(bays=bays, watched=watched))


def spread(hours: float) -> tuple[float, ...]:
    return tuple([hours] * CELLS)


def test_ten_cases_in_thirteen_weeks_beat_one_case_on_one_day() -> None:
    rare, steady = site("rare", cells(c34=1), spread(1)), site("steady", cells(c34=10), spread(13))
    first, second = suggestions([rare, steady], length=1, least_hits=1)
    assert (first.site.key, second.site.key) == ("steady", "rare")
    assert first.expected < second.expected  # the plain rate would have sent the patrol to the wrong place
    assert first.at_least == pytest.approx(6.2213 / 13, abs=5e-5)
    assert second.at_least == pytest.approx(0.1054, abs=5e-5)


def test_a_window_takes_in_the_hours_that_follow() -> None:
    [window] = suggestions([site("a", cells(c34=2, c35=4), spread(4))], length=2)
    assert (window.cell, window.hits, window.watched) == (34, 6, 8)


def test_windows_of_one_site_do_not_overlap() -> None:
    found = suggestions([site("a", cells(c34=5, c35=5, c36=5, c37=5), spread(4))], length=2)
    assert {window.cell for window in found} == {34, 36}


def test_a_window_reaches_from_sunday_into_monday() -> None:
    [window] = suggestions([site("a", cells(c167=3, c0=3), spread(4))], length=2)
    assert (window.cell, window.hits) == (167, 6)


def test_several_bays_are_watched_at_the_same_time() -> None:
    [window] = suggestions([site("a", cells(c34=4), spread(8), bays=2)], length=1)
    assert window.watched == 4


def test_single_cases_are_no_pattern() -> None:
    assert suggestions([site("a", cells(c34=1), spread(4))]) == []


def test_hours_that_nobody_watched_promise_nothing() -> None:
    assert suggestions([site("a", cells(c34=4), spread(0))], length=1) == []
    assert suggestions([site("a", cells(c34=4), spread(0), bays=0)], length=1) == []


def test_at_most_so_many() -> None:
    busy = site("a", tuple([3.0] * CELLS), spread(4))
    assert len(suggestions([busy], most=5)) == 5
