"""Hours of bays day by day: days that are over are counted once and kept, the others when somebody asks.

Each site's figures of a day stand on a basis (its bays, sensors and charge points, and how it is counted); where that
changed, or something came late, the day is counted again. So the sum of a month is what counting all of it would give.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from psycopg.types.json import Jsonb

from alerts.parking.settings import Timers
from alerts.spans import Span
from alerts.statistics.calendar import CELLS
from alerts.statistics.figures import BayFigures, Frames, added_bays, as_cells
from alerts.statistics.messages import counted
from alerts.statistics.sites import Site, load_sites
from storage.database import Connection
from storage.statements import load

_QUERIES = load("statistics")

SETTLED_AFTER: Final = timedelta(hours=4)
"""What comes later than this after the end of a day is in the log of late messages."""
_HEARD_BEFORE: Final = timedelta(days=1)
"""A frame that is missing at midnight is found by what was heard this long before."""
_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class How:
    """How days are counted: where they begin, and how long a message or a contact tells the state."""

    zone: ZoneInfo
    timers: Timers

    @property
    def words(self) -> str:
        """Of which figures depend, for their basis."""
        return f"1 {self.zone.key} {self.timers.occupancy_stale} {self.timers.evse_stale}"

    def day(self, day: date) -> Span:
        """From midnight to midnight, in UTC."""
        return Span(*(datetime(one.year, one.month, one.day, tzinfo=self.zone).astimezone(UTC) for one in _pair(day)))

    def days(self, span: Span) -> list[date]:
        """The local days that a span touches."""
        if span.start >= span.end:
            return []
        first = span.start.astimezone(self.zone).date()
        last = (span.end - timedelta(microseconds=1)).astimezone(self.zone).date()
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


async def bay_figures(connection: Connection, sites: Sequence[Site], span: Span, how: How) -> dict[str, BayFigures]:
    """The figures of each site in a span that begins at midnight: kept days, and the others counted from messages."""
    days = how.days(span)
    if not days:
        return {}
    stored, known = await _stored(connection, sites, span, days, how)
    parts: dict[str, list[BayFigures]] = {key: [one] for key, one in stored.items()}
    missing: dict[tuple[date, ...], list[Site]] = defaultdict(list)
    for site in sites:
        missing[tuple(day for day in days if day not in known.get(site.key, ()))].append(site)
    for lacking, several in missing.items():
        for run in _runs(lacking):
            start, end = how.day(run[0]).start, min(span.end, how.day(run[-1]).end)
            heard_from = max(span.start, start - _HEARD_BEFORE)
            found = await counted(connection, several, Span(start, end), how.zone, how.timers, heard_from=heard_from)
            for key, one in found.items():
                parts.setdefault(key, []).append(one)
    return {key: added_bays(several, months=True) if len(several) > 1 else several[0] for key, several in parts.items()}


async def keep_days(connection: Connection, how: How, *, now: datetime, within: timedelta, most: int) -> int:
    """Count days that are over and lack figures, the latest first, and those of which something came late.

    Args:
        within: how far back.
        most: of one call; the next one goes on.

    Returns:
        How many days were counted.
    """
    await _forget_touched(connection, how)
    end = now - SETTLED_AFTER
    row = await (await connection.execute(_QUERIES["first_message"], {"start": now - within})).fetchone()
    if row is None or row[0] is None:
        return 0
    days = [day for day in how.days(Span(row[0], end)) if how.day(day).end <= end]
    done = 0
    for month in sorted({(day.year, day.month) for day in days}, reverse=True):
        several = [day for day in days if (day.year, day.month) == month]
        done += await _keep(connection, several, how, now, most - done)
        if done >= most:
            break
    return done


async def _keep(connection: Connection, days: Sequence[date], how: How, now: datetime, most: int) -> int:
    """Days of one month: their sites are those of the month."""
    begin = how.day(days[0].replace(day=1)).start
    sites = await load_sites(connection, Span(begin, how.day(days[-1]).end))
    values = _named(sites, how) | {"days": list(days)}
    lacking = (await (await connection.execute(_QUERIES["lacking_days"], values)).fetchall())[:most]
    for day, keys in lacking:
        span, several = how.day(day), [site for site in sites if site.key in set(keys)]
        heard_from = max(begin, span.start - _HEARD_BEFORE)
        found = await counted(connection, several, span, how.zone, how.timers, heard_from=heard_from)
        rows = [_row(day, site.key, site.basis(how.words), found[site.key]) for site in several]
        async with connection.transaction():
            await connection.execute(_QUERIES["keep_days"], {"rows": Jsonb(rows), "now": now})
    return len(lacking)


async def _forget_touched(connection: Connection, how: How) -> None:
    async with connection.transaction():
        rows = await (await connection.execute(_QUERIES["take_touched"])).fetchall()
        days = {day for low, high in rows for day in how.days(Span(low, max(high, low + timedelta(microseconds=1))))}
        if days:
            await connection.execute(_QUERIES["forget_days"], {"days": sorted(days)})


async def _stored(
    connection: Connection, sites: Sequence[Site], span: Span, days: Sequence[date], how: How
) -> tuple[dict[str, BayFigures], Mapping[str, set[date]]]:
    """The sums of the kept days of each site, and which days those are."""
    values = {"start": span.start, "end": span.end}
    touched = await (await connection.execute(_QUERIES["touched_spans"], values)).fetchall()
    doubtful = {day for low, high in touched for day in how.days(Span(low, max(high, low + timedelta(microseconds=1))))}
    more = {"first": days[0], "last": days[-1]}
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(_QUERIES["stored_days"], _named(sites, how) | more)
        rows = [row for row in await cursor.fetchall() if row[1] not in doubtful and how.day(row[1]).end <= span.end]
    known: dict[str, set[date]] = defaultdict(set)
    for row in rows:
        known[row[0]].add(row[1])
    return _summed(rows), known


def _summed(rows: Sequence[Sequence[object]]) -> dict[str, BayFigures]:
    """Kept days added up by site. Pure."""
    places = {key: place for place, key in enumerate(dict.fromkeys(row[0] for row in rows))}
    if not rows:
        return {}
    at = np.array([places[row[0]] for row in rows])
    weekday = np.array([row[1].weekday() for row in rows])  # type: ignore[attr-defined]
    cells = np.zeros((2, len(places), CELLS // _HOURS, _HOURS))
    for number in (0, 1):
        np.add.at(cells[number], (at, weekday), np.array([row[3 + number] for row in rows], float))
    sums = np.zeros((len(places), 8))
    np.add.at(sums, at, np.array([row[5:] for row in rows], float))
    bays: dict[object, int] = {row[0]: row[2] for row in rows}  # type: ignore[misc]
    return {
        str(key): BayFigures(
            bays=bays[key],
            watched=as_cells(cells[0, place].ravel()),
            watched_days=as_cells(cells[1, place].ravel()),
            occupied=float(sums[place, 0]),
            judged=float(sums[place, 1]),
            idle=float(sums[place, 2]),
            unavailable=float(sums[place, 3]),
            free=Frames(received=int(sums[place, 4]), missing=int(sums[place, 5])),
            covered=Frames(received=int(sums[place, 6]), missing=int(sums[place, 7])),
        )
        for key, place in places.items()
    }


def _row(day: date, site: str, basis: str, one: BayFigures) -> dict[str, object]:
    begin = day.weekday() * _HOURS
    return {
        "day": day.isoformat(),
        "site": site,
        "basis": basis,
        "bays": one.bays,
        "watched": one.watched[begin : begin + _HOURS],
        "seen": [bool(days) for days in one.watched_days[begin : begin + _HOURS]],
        "occupied": one.occupied,
        "judged": one.judged,
        "idle": one.idle,
        "unavailable": one.unavailable,
        "free_received": one.free.received,
        "free_missing": one.free.missing,
        "covered_received": one.covered.received,
        "covered_missing": one.covered.missing,
    }


def _named(sites: Sequence[Site], how: How) -> dict[str, object]:
    return {"sites": [site.key for site in sites], "bases": [site.basis(how.words) for site in sites]}


def _runs(days: Iterable[date]) -> Iterator[list[date]]:
    """Days that follow each other, together."""
    run: list[date] = []
    for day in days:
        if run and day - run[-1] > timedelta(days=1):
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _pair(day: date) -> tuple[date, date]:
    return day, day + timedelta(days=1)
