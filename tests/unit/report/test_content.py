"""What a report is about, and what of it stays secret."""

import pytest

from alerts.report.content import withheld
from alerts.report.settings import ReportSettings
from alerts.report.summary import exposure, summary
from alerts.statistics.figures import SiteFigures
from alerts.statistics.loading import Asking, MonthFigures
from tests.unit.statistics.month import BERLIN, MADE, OCTOBER, STATIONS, Months, month_figures, months


@pytest.mark.parametrize(
    ("counts", "least", "secret"),
    [
        ({"a": 2, "b": 1, "c": 9}, 3, {"a", "b"}),
        ({"a": 2, "b": 5, "c": 9}, 3, {"a", "b"}),  # alone, `a` would follow from the sum
        ({"a": 3, "b": 9}, 3, set()),
        ({"a": 0, "b": 0}, 3, {"a", "b"}),
        ({"a": 1}, 3, {"a"}),
        ({"a": 1, "b": 2}, 0, set()),
        ({}, 3, set()),
    ],
)
def test_small_numbers_are_secret_and_cannot_be_worked_out(counts: dict, least: int, secret: set) -> None:
    assert withheld(counts, least) == secret


def test_the_internal_version_keeps_nothing_secret() -> None:
    assert months().report(MADE).withheld == frozenset()
    assert months().report(MADE, public=True).withheld == {"S07", "S08"}


def test_the_whole_city_is_the_sum_of_its_stations() -> None:
    report = months().report(MADE)
    assert report.cases.cases == sum(count for *_, count in STATIONS)
    assert report.bays.bays == 21
    assert report.before is not None
    assert report.before.cases == report.cases.cases


def test_a_district_and_a_station() -> None:
    whole = months()
    assert {site.key for site in whole.report(MADE, district="Neustadt").sites} == {"S01", "S03"}
    station = whole.report(MADE, site="S02")
    assert (station.area, station.cases.cases, {window.site.key for window in station.windows}) == (
        "Rheinufer, Großer Ölberg",
        41,
        {"S02"},
    )


def test_patrols_are_suggested_from_all_months_and_not_to_the_public() -> None:
    report = months().report(MADE)
    [hours] = {
        sum(window.watched for window in report.windows if window.cell == one.cell) for one in report.windows[:1]
    }
    assert hours > 20  # two hours a week for thirteen weeks
    assert report.windows[0].at_least >= report.windows[-1].at_least
    assert months().report(MADE, public=True).windows == ()


def test_a_month_before_without_any_observation_is_not_compared_with() -> None:
    silent = MonthFigures(OCTOBER.shifted(-1), (SiteFigures("S01", "x", ""),), OCTOBER.span(BERLIN).start)
    report = Months([silent, month_figures(OCTOBER)], Asking(BERLIN)).report(MADE)
    assert report.before is None
    assert "keine Zahlen" in summary(report)


def test_too_few_cases_say_nothing_to_the_public() -> None:
    few = MonthFigures(OCTOBER, month_figures(OCTOBER).sites[6:], OCTOBER.span(BERLIN).end)
    report = Months([few], Asking(BERLIN)).report(MADE, public=True)
    assert (report.cases.cases, report.thin) == (2, True)
    assert "zu wenige" in summary(report)
    assert not Months([few], Asking(BERLIN)).report(MADE).thin


def test_the_threshold_is_a_setting() -> None:
    report = months(ReportSettings(suppress_below=10)).report(MADE, public=True)
    assert report.withheld == {"S05", "S06", "S07", "S08"}


def test_how_often_hours_were_watched() -> None:
    assert exposure([4, 5, 5]) == "Jede Stunde der Woche wurde an 4 bis 5 Tagen beobachtet."
    assert exposure([4, 4]) == "Jede Stunde der Woche wurde an 4 Tagen beobachtet."
    assert exposure([0, 0]) == "Es wurde nichts beobachtet."
