"""Days and random streams of the simulated city.

The simulation moves in UTC days, counted from 1970-01-01; times are integers in nanoseconds since then.
Behaviour follows local hours. Every random draw comes from a stream that is named by seed, purpose and day,
so that any process that simulates a day gets the same day.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

import numpy as np

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
LOCAL = ZoneInfo("Europe/Berlin")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day with its local side; `local_hours` and `weekdays` (0 = Monday) hold one value per UTC hour."""

    number: int
    date: date
    start: int
    end: int
    local_hours: tuple[int, ...]
    weekdays: tuple[int, ...]

    @property
    def day_of_year(self) -> int:
        """1 on the first of January."""
        return self.date.timetuple().tm_yday


def day_of(number: int) -> Day:
    """The day that begins `number` days after 1970-01-01T00:00Z."""
    midnight = _EPOCH + timedelta(days=number)
    local = [(midnight + timedelta(hours=hour)).astimezone(LOCAL) for hour in range(24)]
    return Day(
        number=number,
        date=midnight.date(),
        start=number * DAY,
        end=(number + 1) * DAY,
        local_hours=tuple(at.hour for at in local),
        weekdays=tuple(at.weekday() for at in local),
    )


def day_number(when: date) -> int:
    """Days between 1970-01-01 and `when`."""
    return when.toordinal() - _EPOCH.toordinal()


def nanoseconds(when: datetime) -> int:
    """`when` (aware) in nanoseconds since 1970, exact to the microsecond."""
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(when: int) -> datetime:
    """The UTC datetime of `when` nanoseconds, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=when // 1000)


def random_stream(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """The one random stream of a purpose on a day; equal arguments give equal draws in every process."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, crc32(purpose.encode()), number))))
