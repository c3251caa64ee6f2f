"""A month's figures from the database: from cases and messages, or as they were kept when those were deleted."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from alerts.charging.status import EvseState, evse_key
from alerts.parking.settings import ParkingSettings, Timers
from alerts.parking.verdict import Code
from alerts.settings import AlertSettings
from alerts.spans import Span
from alerts.statistics.bays import Pool, Times, site_hours, united
from alerts.statistics.calendar import Hours, Month
from alerts.statistics.cases import CaseRow, count_cases
from alerts.statistics.figures import BayFigures, CaseFigures, Frames, SiteFigures
from storage.database import Connection
from storage.statements import load

QUERIES: Final = load("statistics")
CODES: Final = [code.value for code in Code]

_CHUNK: Final = 200
"""Bays of one statement, so that none takes long."""
_BEFORE, _AFTER = timedelta(days=2), timedelta(days=14)
"""So long before a month its cases may have begun, and so long after it their lost hours are counted."""


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month's sites.

    Attributes:
        until: up to when it was observed: its end, or when it was asked.
        kept: True when cases and messages are deleted and this is what was kept of them.
    """

    month: Month
    sites: tuple[SiteFigures, ...]
    until: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """What figures are made with: where days begin, and how long a message or a contact tells the state."""

    zone: ZoneInfo
    timers: Timers = field(default_factory=Timers)

    @classmethod
    def of(cls, settings: AlertSettings) -> Self:
        """As the rules about bays are set up; with their defaults where there is none."""
        rules: Sequence[object] = list(settings.rules.values())
        timers = [rule.timers for rule in rules if isinstance(rule, ParkingSettings)]
        return cls(ZoneInfo(settings.calendar.time_zone), timers[0] if timers else Timers())


@dataclass(frozen=True, slots=True)
class _Bay:
    key: str
    pool: str
    evses: tuple[str, ...]


@dataclass(slots=True)
class _Site:
    key: str
    name: str
    district: str
    bays: list[_Bay] = field(default_factory=list)
    sensors: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Messages:
    """Spans by bay, by charge point and by source, and the frames of bays."""

    known: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    occupied: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    points: dict[str, list[tuple[str, float, float]]] = field(default_factory=lambda: defaultdict(list))
    sources: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    frames: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)


async def month_figures(connection: Connection, month: Month, now: datetime, asking: Asking) -> MonthFigures:
    """The figures of a month; those that were kept when it is that old."""
    rows = await (await connection.execute(QUERIES["stored_month"], {"month": month.first})).fetchall()
    until = min(now, month.span(asking.zone).end)
    if rows:
        return MonthFigures(month, tuple(_kept(*row) for row in rows), until, kept=True)
    return MonthFigures(month, await counted_sites(connection, month, now, asking), until)


async def counted_sites(connection: Connection, month: Month, now: datetime, asking: Asking) -> tuple[SiteFigures, ...]:
    """The figures of every site with bays or cases in the month, counted from what is stored."""
    whole = month.span(asking.zone)
    span = Span(whole.start, max(whole.start, min(whole.end, now)))
    sites = await _sites(connection, whole)
    cases = await _cases(connection, whole, now, asking.zone)
    messages = await _messages(connection, sites, span, asking) if span.start < span.end else _Messages()
    hours = Hours.of(span, asking.zone)
    found = [
        SiteFigures(
            site.key,
            site.name,
            site.district,
            cases.pop(site.key, CaseFigures()),
            _bay_figures(site, messages, hours) if hours.count else BayFigures(bays=len(site.bays)),
            tuple(site.sensors),
        )
        for site in sites
    ]
    return (*found, *(SiteFigures(key, key, "", figures) for key, figures in sorted(cases.items())))


def _kept(key: str, name: str, district: str, figures: Mapping[str, object]) -> SiteFigures:
    return SiteFigures(
        key,
        name,
        district,
        CaseFigures.model_validate(figures["cases"]),
        BayFigures.model_validate(figures["bays"]),
        tuple((str(sensor), str(bay)) for sensor, bay in figures.get("sensors", ())),  # type: ignore[attr-defined]
    )


def to_keep(site: SiteFigures) -> dict[str, object]:
    """A site's figures as they are kept."""
    return {
        "cases": site.cases.model_dump(),
        "bays": site.bays.model_dump(),
        "sensors": [list(s) for s in site.sensors],
    }


async def _sites(connection: Connection, span: Span) -> list[_Site]:
    values = {"start": span.start, "end": span.end}
    found: dict[str, _Site] = {}
    for row in await (await connection.execute(QUERIES["sites"], values)).fetchall():
        bay, bay_name, bay_district, attributes, station, name, district, sensors = row
        key = str(attributes.get("station") or bay)
        pool = key if attributes.get("mapping") == "GROUP" else bay
        site = found.setdefault(key, _Site(key, name or bay_name or station or key, district or bay_district or ""))
        listed = attributes.get("evses")
        points = tuple(evse_key(str(one)) for one in listed) if isinstance(listed, list) else ()
        site.bays.append(_Bay(bay, pool, points))
        site.sensors += [(sensor, bay_name or bay) for sensor in sensors]
    return list(found.values())


async def _cases(connection: Connection, span: Span, now: datetime, zone: ZoneInfo) -> dict[str, CaseFigures]:
    values = {"start": span.start, "end": span.end, "now": now, "zone": zone.key, "codes": CODES}
    rows = await (await connection.execute(QUERIES["cases"], values)).fetchall()
    around = Hours.of(Span(span.start - _BEFORE, span.end + _AFTER), zone)
    return count_cases((CaseRow(*row) for row in rows), around)


async def _messages(connection: Connection, sites: Sequence[_Site], span: Span, asking: Asking) -> _Messages:
    found = _Messages()
    timers = asking.timers
    values = {"start": span.start, "end": span.end, "stale": timers.occupancy_stale, "fresh": timers.evse_stale}
    for chunk in _chunks([bay.key for site in sites for bay in site.bays]):
        bays = {**values, "keys": chunk}
        for key, occupied, start, end in await (await connection.execute(QUERIES["bay_spans"], bays)).fetchall():
            found.known[key].append((start, end))
            if occupied:
                found.occupied[key].append((start, end))
        for key, *counts in await (await connection.execute(QUERIES["frames"], bays)).fetchall():
            found.frames[key] = tuple(counts)
    for chunk in _chunks(sorted({evse for site in sites for bay in site.bays for evse in bay.evses})):
        points = {**values, "keys": chunk}
        for key, source, status, start, end in await (
            await connection.execute(QUERIES["point_spans"], points)
        ).fetchall():
            found.points[key].append((status, start, end))
            found.sources[key] = source
    for source, start, end in await (await connection.execute(QUERIES["contact_spans"], values)).fetchall():
        found.contacts[source].append((start, end))
    return found


def _bay_figures(site: _Site, messages: _Messages, hours: Hours) -> BayFigures:
    pools: dict[str, list[_Bay]] = defaultdict(list)
    for bay in site.bays:
        pools[bay.pool].append(bay)
    counts = [messages.frames.get(bay.key, (0, 0, 0, 0)) for bay in site.bays]
    free, free_missing, covered, covered_missing = (sum(one) for one in zip(*counts, strict=True))
    return site_hours(
        [_pool(bays, messages) for bays in pools.values()],
        hours,
        free=Frames(received=free, missing=free_missing),
        covered=Frames(received=covered, missing=covered_missing),
    )


def _pool(bays: Sequence[_Bay], messages: _Messages) -> Pool:
    evses = sorted({evse for bay in bays for evse in bay.evses})
    statuses = [(evse, EvseState(status), start, end) for evse in evses for status, start, end in messages.points[evse]]
    reported = [
        span
        for evse in evses
        for span in _common(
            united((start, end) for one, state, start, end in statuses if one == evse and _known(state)),
            united(messages.contacts.get(messages.sources.get(evse, ""), ())),
        )
    ]
    return Pool(
        len(bays),
        len(evses),
        Times.of(span for bay in bays for span in messages.known[bay.key]),
        Times.of(span for bay in bays for span in messages.occupied[bay.key]),
        Times.of(reported),
        Times.of((start, end) for _, state, start, end in statuses if state.charging),
        Times.of((start, end) for _, state, start, end in statuses if state is EvseState.DOWN),
    )


def _known(state: EvseState) -> bool:
    return state not in (EvseState.UNKNOWN, EvseState.OUT_OF_SERVICE)


def _common(first: list[tuple[float, float]], second: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    left, right = 0, 0
    while left < len(first) and right < len(second):
        (a, b), (c, d) = first[left], second[right]
        if max(a, c) < min(b, d):
            yield max(a, c), min(b, d)
        if b < d:
            left += 1
        else:
            right += 1


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield list(keys[start : start + _CHUNK])
