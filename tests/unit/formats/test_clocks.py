"""Which clock to believe (DESIGN decision 1)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.formats.clocks import anchor, credible, event_clock, utc

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("event_time", "server_time", "expected", "doubtful"),
    [
        pytest.param(NOON, NOON + MINUTE, NOON + MINUTE, False, id="the server's time wins"),
        pytest.param(None, NOON + MINUTE, NOON + MINUTE, False, id="no event time is no doubt"),
        pytest.param(None, None, NOON, False, id="nothing but our own clock"),
        pytest.param(NOON - 9 * MINUTE, None, NOON - 9 * MINUTE, False, id="the event's own time stands in"),
        pytest.param(NOON - 11 * MINUTE, None, NOON - 11 * MINUTE, True, id="and is doubted when far from ours"),
        pytest.param(NOON + 35 * MINUTE, NOON, NOON, True, id="half an hour ahead"),
        pytest.param(NOON + 10 * MINUTE, NOON, NOON, False, id="ten minutes are tolerated"),
        pytest.param(datetime(1980, 1, 21, tzinfo=UTC), NOON, NOON, True, id="GPS week zero"),
        pytest.param(datetime(1980, 1, 21, tzinfo=UTC), None, NOON, True, id="1980 makes no key"),
        pytest.param(datetime(2012, 1, 1, tzinfo=UTC), None, NOON, True, id="nor does 2012"),
        pytest.param(datetime(2015, 1, 1, tzinfo=UTC), None, datetime(2015, 1, 1, tzinfo=UTC), True, id="2015 does"),
        pytest.param(datetime(2100, 1, 1, tzinfo=UTC), None, NOON, True, id="2100 does not"),
    ],
)
def test_anchor(event_time, server_time, expected, doubtful):
    assert anchor(event_time, server_time, NOON) == (expected, doubtful)


def test_times_are_turned_to_utc():
    berlin = datetime(2026, 7, 14, 14, tzinfo=timezone(2 * timedelta(hours=1)))
    assert utc(berlin) == NOON
    assert utc(berlin).tzinfo is UTC


@pytest.mark.parametrize("year", [1, 9999])
@pytest.mark.parametrize("hours", [-12, 14])
def test_the_edges_of_the_calendar_do_not_overflow(year, hours):
    edge = datetime(year, 12 if year > 1 else 1, 31 if year > 1 else 1, tzinfo=timezone(timedelta(hours=hours)))
    assert utc(edge) is None
    assert credible(edge) is None
    assert event_clock(edge) is None


def test_the_zero_time_is_no_time():
    assert event_clock(datetime(1, 1, 1, tzinfo=UTC)) is None
    assert credible(datetime(1, 1, 1, tzinfo=UTC)) is None
    assert event_clock(datetime(1980, 1, 6, tzinfo=UTC)) is not None
