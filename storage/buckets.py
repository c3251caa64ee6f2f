"""The buckets of rollups: hours of UTC and local days, which have 23 or 25 hours when the clocks change."""

from enum import StrEnum
from typing import LiteralString

from psycopg import sql

ZONE: LiteralString = "Europe/Berlin"
"""Days are the city's days."""


class Width(StrEnum):
    """How wide a bucket is; the value ends the rollup's name."""

    HOURLY = "hourly"
    DAILY = "daily"

    @property
    def unit(self) -> LiteralString:
        """The unit as SQL's date functions name it."""
        return "hour" if self is Width.HOURLY else "day"

    @property
    def zone(self) -> LiteralString:
        """The time zone whose hours or days the buckets are."""
        return "UTC" if self is Width.HOURLY else ZONE

    def start(self, time: sql.Composable) -> sql.Composed:
        """The start of the bucket that `time` lies in, on any PostgreSQL."""
        return sql.SQL("date_trunc({}, {}, {})").format(sql.Literal(self.unit), time, sql.Literal(self.zone))

    def start_from(self, time: sql.Composable, since: sql.Composable) -> sql.Composed:
        """The same of a time at or after `since`, which starts a bucket: what lies in that one costs a comparison only.

        Names of zones are looked up for every row, and most of what is asked with this is of today.
        """
        return sql.SQL("CASE WHEN {} < (SELECT {}) THEN {} ELSE {} END").format(
            time, self.end(since), since, self.start(time)
        )

    def start_in_timescale(self, time: sql.Composable) -> sql.Composed:
        """The same instant, in the form that a continuous aggregate takes."""
        if self is Width.HOURLY:
            return sql.SQL("time_bucket(interval '1 hour', {})").format(time)
        return sql.SQL("time_bucket(interval '1 day', {}, {})").format(time, sql.Literal(self.zone))

    def end(self, start: sql.Composable) -> sql.Composed:
        """The end of the bucket that begins at `start`."""
        return sql.SQL("(({0} AT TIME ZONE {1} + interval {2}) AT TIME ZONE {1})").format(
            start, sql.Literal(self.zone), sql.Literal(f"1 {self.unit}")
        )
