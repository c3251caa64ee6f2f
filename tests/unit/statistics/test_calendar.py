"""Local months: 743, 744 or 745 hours, and what the changes of clock do to weekdays and hours."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.statistics.calendar import CELLS, Hours, Month

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY_2 = 6 * 24 + 2


def hours_of(month: str) -> Hours:
    return Hours.of(Month.parse(month).span(BERLIN), BERLIN)


def test_a_month_begins_at_local_midnight() -> None:
    span = Month.parse("2026-10").span(BERLIN)
    assert span.start == datetime(2026, 9, 30, 22, tzinfo=UTC)  # summer time
    assert span.end == datetime(2026, 10, 31, 23, tzinfo=UTC)  # winter time


@pytest.mark.parametrize(("month", "count"), [("2026-10", 745), ("2026-03", 743), ("2026-11", 720), ("2028-02", 696)])
def test_hours_of_a_month(month: str, count: int) -> None:
    assert hours_of(month).count == count


def test_the_doubled_hour_of_autumn_is_two_hours_of_one_day() -> None:
    hours = hours_of("2026-10")  # Sundays: 4, 11, 18, 25 (clock set back at 3 h)
    everything = np.ones(hours.count)
    assert hours.per_cell(everything)[SUNDAY_2] == 5
    assert hours.days_per_cell(everything > 0)[SUNDAY_2] == 4
    assert hours.per_cell(everything)[SUNDAY_2 - 1] == 4
    assert hours.per_cell(everything).sum() == 745


def test_the_missing_hour_of_spring_was_not_observed() -> None:
    hours = hours_of("2026-03")  # Sundays: 1, 8, 15, 22, 29 (2 h does not exist)
    everything = np.ones(hours.count)
    assert hours.per_cell(everything)[SUNDAY_2] == 4
    assert hours.days_per_cell(everything > 0)[SUNDAY_2] == 4
    assert hours.per_cell(everything)[SUNDAY_2 + 1] == 5


def test_days_are_counted_once_however_many_hours_were_present() -> None:
    hours = hours_of("2026-11")
    present = np.zeros(hours.count, bool)
    present[[0, 7 * 24, 14 * 24]] = True  # Sunday 1, 8 and 15 November at 0 h
    assert hours.days_per_cell(present)[6 * 24] == 3
    assert hours.days_per_cell(present).sum() == 3


def test_spans_are_split_at_the_hours_and_counted_as_often_as_they_overlap() -> None:
    hours = hours_of("2026-11")
    begin = hours.edges[0]
    starts = np.array([begin + 1800, begin + 3600, begin - 7200])
    ends = np.array([begin + 5400, begin + 4200, begin + 600])
    found = hours.seconds_in(starts, ends)
    assert found[:3].tolist() == [1800 + 600, 1800 + 600, 0]
    assert found.sum() == pytest.approx(4800)


def test_spans_beyond_the_end_are_cut() -> None:
    hours = hours_of("2026-11")
    end = hours.edges[-1]
    assert hours.seconds_in(np.array([end - 900]), np.array([end + 9000])).sum() == pytest.approx(900)


def test_a_month_is_read_and_written() -> None:
    assert str(Month.parse(" 2026-01 ")) == "2026-01"
    assert Month.parse("2026-01").shifted(-1) == Month(2025, 12)
    assert Month(2026, 12).shifted(1).first == date(2027, 1, 1)
    assert Month(2026, 2).days == 28
    assert Month.of(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), BERLIN) == Month(2026, 11)


@pytest.mark.parametrize("written", ["2026", "2026-13", "2026-00", "26-10", "2026-10-01", "", "1999-12", "x"])
def test_what_is_no_month_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="no month"):
        Month.parse(written)


def test_cells_are_weekday_times_24_plus_hour() -> None:
    hours = hours_of("2026-11")  # 1 November 2026 is a Sunday
    assert hours.cells[0] == 6 * 24
    assert hours.cells[24] == 0
    assert set(hours.cells.tolist()) == set(range(CELLS))
