"""Cases counted by hand."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.spans import Span
from alerts.statistics.calendar import Hours
from alerts.statistics.cases import count_cases
from alerts.statistics.figures import CaseFigures, Record
from alerts.statistics.measures import by_itself, lost_hours, precisions, reaction
from tests.unit.statistics.rows import TUESDAY_10, case

BERLIN = ZoneInfo("Europe/Berlin")
HOURS = Hours.of(Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)), BERLIN)
NOON = datetime(2026, 10, 6, 10, 0, tzinfo=UTC).timestamp()  # a Tuesday, 12 h in Berlin


def figures(*rows: object) -> CaseFigures:
    return count_cases(rows, HOURS)["S1"]


def test_withdrawn_cases_are_in_no_figure_but_their_own() -> None:
    found = figures(case(), case(state="withdrawn", reason="history_changed"))
    assert (found.cases, found.withdrawn, sum(found.codes.values()), sum(found.days.values())) == (1, 1, 1, 1)


def test_the_first_reason_names_a_case() -> None:
    found = figures(case(), case(code="V3_MAX_STAY", codes=("V3_MAX_STAY", "V2_AFTER_CHARGE")))
    assert found.codes == {"V1_NO_CHARGE": 1, "V3_MAX_STAY": 1}


@pytest.mark.parametrize(
    ("given", "hit"),
    [
        ({}, True),
        ({"outcome": "VERWARNUNG_ERTEILT"}, True),
        ({"outcome": "FAHRZEUG_WEG"}, True),
        ({"outcome": "KEIN_FAHRZEUG"}, False),
        ({"outcome": "FAHRZEUG_LAEDT_DOCH"}, False),
        ({"outcome": "BERECHTIGT"}, False),
        ({"outcome": "SAEULE_DEFEKT"}, False),
        ({"told": False}, False),
        ({"code": "V3_MAX_STAY", "codes": ("V3_MAX_STAY",)}, False),
        ({"state": "withdrawn"}, False),
    ],
)
def test_a_hit_is_a_told_case_without_a_session_that_nobody_dismissed(given: dict, hit: bool) -> None:
    found = figures(case(**given))
    assert sum(found.hits) == hit
    assert found.hits[TUESDAY_10] == hit


def test_lost_hours_lie_in_the_hours_in_which_they_were_lost() -> None:
    found = figures(case(lost_from=NOON + 1800, lost_to=NOON + 5400))
    assert found.lost[24 + 12] == pytest.approx(0.5)
    assert found.lost[24 + 13] == pytest.approx(0.5)
    assert lost_hours(found) == pytest.approx(1.0)


def test_the_night_in_which_clocks_are_set_back_is_an_hour_longer() -> None:
    from_22 = datetime(2026, 10, 24, 20, tzinfo=UTC).timestamp()  # 22 h on Saturday
    to_6 = datetime(2026, 10, 25, 5, tzinfo=UTC).timestamp()  # 6 h on Sunday
    found = figures(case(lost_from=from_22, lost_to=to_6))
    assert lost_hours(found) == pytest.approx(9.0)
    assert found.lost[6 * 24 + 2] == pytest.approx(2.0)


def test_what_officers_dismiss_lost_nothing() -> None:
    assert lost_hours(figures(case(lost_from=NOON, lost_to=NOON + 3600, outcome="BERECHTIGT"))) == 0


def test_cases_without_a_begin_of_loss_lose_nothing() -> None:
    assert lost_hours(figures(case(code="V3_MAX_STAY", codes=("V3_MAX_STAY",), lost_from=None, lost_to=NOON))) == 0


def test_what_ended_by_itself() -> None:
    found = figures(
        case(lasted=600.0),
        case(lasted=1259.0, reason="charging_started"),
        case(reason="station_down"),
        case(outcome="ERMAHNUNG", reason=""),
        case(state="open", reason="", lasted=None),
    )
    assert by_itself(found) == pytest.approx(2 / 4)  # the open one has no end yet
    assert found.cleared == {10: 1, 20: 1}
    assert reaction(found.cleared).median == 15
    assert found.ends == {"drove_away": 1, "charging_started": 1, "station_down": 1, "ERMAHNUNG": 1, "open": 1}


def test_reactions_are_those_to_cases_that_somebody_was_told_of_when_they_happened() -> None:
    found = figures(
        case(taken=120.0, arrived=600.0),
        case(taken=240.0, arrived=None),
        case(taken=60.0, told=False),
        case(taken=90000.0, live=False),
    )
    assert found.taken == {2: 1, 4: 1}
    assert found.arrived == {10: 1}


def test_a_sensor_is_right_or_wrong_only_where_somebody_looked() -> None:
    found = figures(
        *(case(outcome="VERWARNUNG_ERTEILT") for _ in range(3)),
        case(outcome="KEIN_FAHRZEUG"),
        case(outcome="FAHRZEUG_WEG"),
        case(outcome="NICHT_ANGEFAHREN"),
        case(sensor="bb", outcome="FAHRZEUG_LAEDT_DOCH"),
    )
    assert found.records == {"aa": Record(confirmed=3, false=1), "bb": Record(confirmed=0, false=1)}
    worst, better = precisions(found)
    assert (worst.sensor, worst.share) == ("bb", 0.0)
    assert (better.share, better.bounds.low) == (0.75, pytest.approx(0.1941, abs=5e-5))


def test_sites_are_counted_apart() -> None:
    found = count_cases([case(), case(site="S2"), case(site="S2")], HOURS)
    assert {site: one.cases for site, one in found.items()} == {"S1": 1, "S2": 2}
