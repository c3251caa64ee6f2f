"""Stretches of time: what is left of a run's chunks, and which rollups a refresh asks for."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from stadtfunk.commands.redecode import moment
from storage.buckets import Width
from storage.redecode_rollups import spans
from storage.redecode_rows import Slice, clipped
from storage.refresh import BEGINNING, Span

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CHUNKS = [Slice(START, START + HOUR, 5), Slice(START + 3 * HOUR, START + 4 * HOUR, 6)]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (START, CHUNKS),
        (START + HOUR, CHUNKS[1:]),
        (START + 2 * HOUR, CHUNKS[1:]),
        (START + HOUR / 2, [Slice(START + HOUR / 2, START + HOUR, 5), CHUNKS[1]]),
        (START + 4 * HOUR, []),
    ],
)
def test_a_continued_run_begins_at_its_position(position, expected) -> None:
    assert clipped(CHUNKS, position) == expected


def test_hours_that_are_close_share_a_range() -> None:
    hours = [START, START + 5 * HOUR, START + 4 * DAY]
    assert spans(hours, Width.HOURLY, since=BEGINNING, now=START + 9 * DAY) == [
        Span(START, START + 6 * HOUR), Span(START + 4 * DAY, START + 4 * DAY + HOUR),
    ]  # fmt: skip


def test_a_days_range_holds_the_whole_local_day() -> None:
    [span] = spans([START], Width.DAILY, since=BEGINNING, now=START + 9 * DAY)
    assert span.low <= START - DAY
    assert span.high >= START + DAY


def test_neither_the_running_hour_nor_what_lost_its_readings_is_asked_for() -> None:
    now = START + 2 * HOUR
    hours = [START + n * HOUR for n in range(3)]
    assert spans(hours, Width.HOURLY, since=START + HOUR / 2, now=now) == [Span(START + HOUR / 2, START + HOUR)]
    assert spans(hours, Width.DAILY, since=START - HOUR, now=START + DAY) == [Span(START - HOUR, START)]
    assert spans(hours, Width.DAILY, since=START, now=START + DAY) == []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("12h", START - 12 * HOUR),
        ("30d", START - 30 * DAY),
        ("2w", START - 14 * DAY),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
)
def test_times_as_people_write_them(written, expected) -> None:
    assert moment(written, now=START, option="--since") == expected


@pytest.mark.parametrize("written", ["yesterday", "30", "d", "99999999999w", "2026-13-01"])
def test_what_is_no_time(written) -> None:
    with pytest.raises(typer.BadParameter):
        moment(written, now=START, option="--since")
