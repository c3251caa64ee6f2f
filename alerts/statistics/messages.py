"""Hours of bays counted from what their sensors and charge points said: exact, and as long as that is stored."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.charging.status import EvseState
from alerts.parking.settings import Timers
from alerts.spans import Span
from alerts.statistics.bays import Pool, Times, site_hours, united
from alerts.statistics.calendar import Hours
from alerts.statistics.figures import BayFigures, Frames
from alerts.statistics.sites import Bay, Site
from storage.database import Connection
from storage.statements import load

_QUERIES = load("statistics")
_CHUNK: Final = 200
"""Bays of one statement, so that none takes long."""

_Spans = list[tuple[float, float]]


@dataclass(slots=True)
class _Messages:
    """Spans by bay, by charge point and by source, and the frames of bays."""

    known: dict[str, _Spans] = field(default_factory=lambda: defaultdict(list))
    occupied: dict[str, _Spans] = field(default_factory=lambda: defaultdict(list))
    points: dict[str, list[tuple[str, float, float]]] = field(default_factory=lambda: defaultdict(list))
    sources: dict[str, str] = field(default_factory=dict)
    contacts: dict[str, _Spans] = field(default_factory=lambda: defaultdict(list))
    frames: dict[str, tuple[int, ...]] = field(default_factory=dict)


async def counted(
    connection: Connection, sites: Sequence[Site], span: Span, zone: ZoneInfo, timers: Timers, *, heard_from: datetime
) -> dict[str, BayFigures]:
    """The figures of each site in a span.

    Args:
        heard_from: frames count from here on for what is missing at the begin of the span.
    """
    messages = await _messages(connection, sites, span, timers, heard_from)
    return await asyncio.to_thread(_figures, sites, messages, Hours.of(span, zone))


def _figures(sites: Sequence[Site], messages: _Messages, hours: Hours) -> dict[str, BayFigures]:
    return {site.key: _bay_figures(site, messages, hours) for site in sites}


async def _messages(
    connection: Connection, sites: Sequence[Site], span: Span, timers: Timers, heard_from: datetime
) -> _Messages:
    found = _Messages()
    values = {
        "start": span.start,
        "end": span.end,
        "heard_from": heard_from,
        "stale": timers.occupancy_stale,
        "fresh": timers.evse_stale,
    }
    for chunk in _chunks([bay.key for site in sites for bay in site.bays]):
        bays = {**values, "keys": chunk}
        for key, occupied, start, end in await (await connection.execute(_QUERIES["bay_spans"], bays)).fetchall():
            found.known[key].append((start, end))
            if occupied:
                found.occupied[key].append((start, end))
        for key, *counts in await (await connection.execute(_QUERIES["frames"], bays)).fetchall():
            found.frames[key] = tuple(counts)
    for chunk in _chunks(sorted({evse for site in sites for bay in site.bays for evse in bay.served})):
        rows = await (await connection.execute(_QUERIES["point_spans"], {**values, "keys": chunk})).fetchall()
        for key, source, status, start, end in rows:
            found.points[key].append((status, start, end))
            found.sources[key] = source
    for source, start, end in await (await connection.execute(_QUERIES["contact_spans"], values)).fetchall():
        found.contacts[source].append((start, end))
    return found


def _bay_figures(site: Site, messages: _Messages, hours: Hours) -> BayFigures:
    pools: dict[str, list[Bay]] = defaultdict(list)
    for bay in site.bays:
        pools[bay.pool].append(bay)
    counts = [messages.frames.get(bay.key, (0, 0, 0, 0)) for bay in site.bays]
    free, free_missing, covered, covered_missing = (sum(one) for one in zip(*counts, strict=True))
    return site_hours(
        [_pool(bays, messages, hours) for bays in pools.values()],
        hours,
        free=Frames(received=free, missing=free_missing),
        covered=Frames(received=covered, missing=covered_missing),
    )


def _pool(bays: Sequence[Bay], messages: _Messages, hours: Hours) -> Pool:
    """Bays with the points that served them: each counts only while it did, and is asked nothing while another did."""
    span = float(hours.edges[0]), float(hours.edges[-1])
    served: dict[str, _Spans] = defaultdict(list)
    for bay in bays:
        for evse, times in bay.served.items():
            served[evse] += _common(sorted(times), [span])
    points = {evse: united(times) for evse, times in sorted(served.items()) if times}
    whole = united(one for times in points.values() for one in times)
    statuses = [
        (evse, EvseState(status), *part)
        for evse, times in points.items()
        for status, start, end in messages.points[evse]
        for part in _common([(start, end)], times)
    ]
    reported = [
        one
        for evse, times in points.items()
        for one in (
            *_common(
                united((start, end) for own, state, start, end in statuses if own == evse and _known(state)),
                united(messages.contacts.get(messages.sources.get(evse, ""), ())),
            ),
            *_without(whole, times),
        )
    ]
    return Pool(
        len(bays),
        len(points),
        Times.of(one for bay in bays for one in messages.known[bay.key]),
        Times.of(one for bay in bays for one in messages.occupied[bay.key]),
        Times.of(reported),
        Times.of((start, end) for _, state, start, end in statuses if state.charging),
        Times.of((start, end) for _, state, start, end in statuses if state is EvseState.DOWN),
    )


def _known(state: EvseState) -> bool:
    return state not in (EvseState.UNKNOWN, EvseState.OUT_OF_SERVICE)


def _common(
    first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    left, right = 0, 0
    while left < len(first) and right < len(second):
        (a, b), (c, d) = first[left], second[right]
        if max(a, c) < min(b, d):
            yield max(a, c), min(b, d)
        if b < d:
            left += 1
        else:
            right += 1


def _without(spans: _Spans, holes: _Spans) -> Iterator[tuple[float, float]]:
    """What is left of `spans` outside `holes`; both in order and without overlaps."""
    for start, end in spans:
        for low, high in holes:
            if low < end and high > start:
                if start < low:
                    yield start, low
                start = max(start, high)
        if start < end:
            yield start, end


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield list(keys[start : start + _CHUNK])
