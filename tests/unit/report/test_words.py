"""Numbers as people in Germany read them."""

import pytest

from alerts.parking.verdict import Code, EndReason
from alerts.report.words import CODES, ENDS, hours, minutes, month_title, number, percent, percent_range, window
from alerts.statistics.calendar import Month
from alerts.statistics.intervals import Bounds
from alerts.wishes import Outcome


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (number(1234567.891, 2), "1.234.567,89"),
        (number(None), "–"),
        (percent(0.125), "12 %"),
        (percent(0.99996), "99,9 %"),
        (percent(1.0), "100 %"),
        (percent(0.9995, 1), "99,9 %"),
        (percent(None), "–"),
        (percent_range(Bounds(0.4439, 0.9748)), "44–97 %"),
        (minutes(7.4), "7 min"),
        (minutes(125), "2 h 05 min"),
        (minutes(None), "–"),
        (hours(12.34), "12,3 h"),
        (hours(1234.5), "1.234 h"),
        (month_title(Month(2026, 3)), "März 2026"),
        (window(24 + 10, 2), "Dienstag 10–12 Uhr"),
        (window(167, 2), "Sonntag 23–1 Uhr"),
        (window(22, 2), "Montag 22–24 Uhr"),
    ],
)
def test_written(written: str, expected: str) -> None:
    assert written == expected


def test_every_outcome_and_end_and_code_has_a_name() -> None:
    assert {*Outcome, *EndReason} <= ENDS.keys()
    assert set(CODES) == set(Code)
