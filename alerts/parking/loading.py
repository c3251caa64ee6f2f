"""Bays and their histories from the database, set-wise: a few statements for any number of bays."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from alerts.charging.status import EvseState, evse_key
from alerts.parking.inputs import Bay, Doubts, Frame, History, Sighting, Sign, Status
from alerts.parking.points import point
from alerts.parking.settings import Timers
from alerts.parking.signs import SignSettings, out_of_service, signs_of
from alerts.spans import Span, Spans, common, joined
from decoders.readings import BayEvent
from storage.database import Connection
from storage.statements import load

CONFIRMED = ("VERWARNUNG_ERTEILT", "BUSSGELD_ANZEIGE", "ABGESCHLEPPT", "ERMAHNUNG")
FALSE_ALARMS = ("KEIN_FAHRZEUG", "FAHRZEUG_LAEDT_DOCH")
"""Outcomes of people that say that a sensor was right, or wrong."""

SETTLED_AFTER = timedelta(hours=3)
"""A message is hardly later than this; a later one is found by `recent_sightings` and read with a longer history."""
OLDEST = timedelta(days=14)
_MOMENT = timedelta(microseconds=1)

_QUERIES = load("parking")
_log = logging.getLogger(__name__)


class Print(NamedTuple):
    """How many rows there are and the newest of them: changes when something arrived."""

    rows: int
    newest: object


@dataclass(frozen=True, slots=True)
class Site:
    """A bay, its charge points' neighbours of the same station, and where it lies."""

    bay: Bay
    district: str
    station_evses: tuple[str, ...]


async def load_sites(connection: Connection, default_signs: Sequence[SignSettings], zone: ZoneInfo) -> dict[str, Site]:
    """All bays of the city by key."""
    rows = await (await connection.execute(_QUERIES["bays"])).fetchall()
    evses: dict[str, set[str]] = defaultdict(set)
    for _, _, attributes in rows:
        evses[str(attributes.get("station", ""))].update(_evses(attributes))
    return {
        key: Site(
            _bay(key, attributes, default_signs, zone),
            district,
            tuple(sorted(evses[str(attributes.get("station", ""))])),
        )
        for key, district, attributes in rows
    }


async def sites_print(connection: Connection) -> Print:
    """Changes when a bay was added or edited."""
    row = await (await connection.execute(_QUERIES["bays_changed"])).fetchone()
    assert row is not None
    return Print(*row)


async def bay_uplinks(connection: Connection) -> dict[str, int]:
    """How many uplinks are stored of each bay's sensors."""
    return dict(await (await connection.execute(_QUERIES["bay_uplinks"])).fetchall())


async def newest_statuses(connection: Connection, since: datetime) -> dict[str, int]:
    """The newest status, by its id, of each charge point of which one was received since then."""
    return dict(await (await connection.execute(_QUERIES["recent_statuses"], {"since": since})).fetchall())


async def load_windows(
    connection: Connection, sites: Sequence[Site], now: datetime, *, rule: str, timers: Timers
) -> dict[str, datetime]:
    """From where on each bay's history tells everything that can still change.

    Bays of a group are read from a time on at which all of them are told from their own begin: whose a session was
    depends on who else stood there.
    """
    values = {"oldest": now - OLDEST, "rule": rule, "merge": timers.merge}
    groups = {site.bay.key: site.bay.group for site in sites if site.bay.group}
    found = await _windows(connection, values, {site.bay.key: now - SETTLED_AFTER for site in sites})
    windows = {key: start for key, (start, _) in found.items()}
    starts = _earliest(groups, windows)
    waiting = set(starts)
    while waiting:
        settled = {key: starts[group] for key, group in groups.items() if group in waiting}
        found = await _windows(connection, values, settled)
        windows |= {key: min(start, windows[key]) for key, (start, _) in found.items()}
        earlier = _earliest(groups, {key: start for key, (start, taken) in found.items() if taken})
        waiting = {group for group, start in earlier.items() if start < starts[group]}
        starts |= {group: earlier[group] for group in waiting}
    return windows


async def open_subjects(connection: Connection, subjects: Sequence[str], *, rule: str) -> set[str]:
    """Which of these have an open alert of the rule."""
    values = {"rule": rule, "subjects": list(subjects)}
    return {row[0] for row in await (await connection.execute(_QUERIES["open_subjects"], values)).fetchall()}


async def load_histories(
    connection: Connection,
    sites: Sequence[Site],
    windows: Mapping[str, datetime],
    now: datetime,
    *,
    rule: str,
    timers: Timers,
) -> dict[str, History]:
    """The histories of bays, by key; `windows` says from where on."""
    keys = [site.bay.key for site in sites]
    values = {"keys": keys, "starts": [windows[key] for key in keys], "now": now}
    sightings = await _sightings(connection, values)
    frames = await _frames(connection, values)
    statuses, sources = await _statuses(connection, sites, windows, now)
    contacts = await _contacts(connection, min(windows[key] for key in keys) - timedelta(hours=1), now)
    records = await _records(connection, rule)
    return {
        site.bay.key: History(
            sightings[site.bay.key],
            frames[site.bay.key],
            [one for evse in site.bay.evses for one in statuses[evse]],
            _together({sources[evse] for evse in site.bay.evses if evse in sources}, contacts, timers),
            _points_free(site, statuses, sources, contacts, timers, now),
            replace(records.get(site.bay.key, Doubts()), neighbour_changes=_neighbours(site, sites, sightings)),
        )
        for site in sites
    }


async def _windows(
    connection: Connection, values: Mapping[str, object], settled: Mapping[str, datetime]
) -> dict[str, tuple[datetime, bool]]:
    rows = {"keys": list(settled), "settled": list(settled.values())}
    cursor = await connection.execute(_QUERIES["windows"], {**values, **rows})
    return {key: (start, taken) for key, start, taken in await cursor.fetchall()}


def _earliest(groups: Mapping[str, str], windows: Mapping[str, datetime]) -> dict[str, datetime]:
    """The earliest begin of each group."""
    found: dict[str, datetime] = {}
    for key, start in windows.items():
        if key in groups:
            found[groups[key]] = min(start, found.get(groups[key], start))
    return found


def _bay(key: str, attributes: Mapping[str, object], default_signs: Sequence[SignSettings], zone: ZoneInfo) -> Bay:
    """The bay of an asset; one whose signs cannot be read is not judged, and costs the others nothing."""
    signs: Sequence[Sign] = ()
    closed: Spans = ()
    try:
        signs, closed = signs_of(attributes, default_signs, zone), out_of_service(attributes)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        _log.error("bay_not_judged key=%s reason=%r", key, problems)
    station = str(attributes.get("station", ""))
    group = station if str(attributes.get("mapping", "")).upper() == "GROUP" else ""
    return Bay(key, station, _evses(attributes), group=group, signs=signs, out_of_service=closed)


def _evses(attributes: Mapping[str, object]) -> tuple[str, ...]:
    listed = attributes.get("evses")
    return tuple(evse_key(str(one)) for one in listed) if isinstance(listed, list) else ()


async def _sightings(connection: Connection, values: Mapping[str, object]) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = defaultdict(list)
    for row in await (await connection.execute(_QUERIES["sightings"], values)).fetchall():
        key, at, occupied, certain, event, f_cnt, dev_addr, device, ns_time = row
        uplink = f"{device}/{ns_time.isoformat()}/{f_cnt}"
        seen = occupied if certain else None
        found[key].append(
            Sighting(at, seen, BayEvent(event or BayEvent.STARTUP), f_cnt, f"{device}/{dev_addr}", uplink)
        )
    return found


async def _frames(connection: Connection, values: Mapping[str, object]) -> dict[str, list[Frame]]:
    found: dict[str, list[Frame]] = defaultdict(list)
    for key, at, session, f_cnt in await (await connection.execute(_QUERIES["frames"], values)).fetchall():
        found[key].append(Frame(at, session, f_cnt))
    return found


async def _statuses(
    connection: Connection, sites: Iterable[Site], windows: Mapping[str, datetime], now: datetime
) -> tuple[dict[str, list[Status]], dict[str, str]]:
    """Statuses by charge point, those of the whole station included, and where each point comes from."""
    starts: dict[str, datetime] = {}
    for site in sites:
        for evse in site.station_evses:
            starts[evse] = min(windows[site.bay.key], starts.get(evse, now))
    values = {"keys": list(starts), "starts": list(starts.values()), "now": now}
    found: dict[str, list[Status]] = defaultdict(list)
    sources: dict[str, str] = {}
    for row in await (await connection.execute(_QUERIES["statuses"], values)).fetchall():
        evse, source, at, state, raw, said_by, number = row
        sources[evse] = source
        found[evse].append(Status(evse, at, EvseState(state), raw, said_by, number))
    return found, sources


async def _contacts(connection: Connection, oldest: datetime, now: datetime) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = defaultdict(list)
    values = {"oldest": oldest, "now": now}
    for source, first, last in await (await connection.execute(_QUERIES["contacts"], values)).fetchall():
        found[source].append(Span(first, last))
    return found


async def _records(connection: Connection, rule: str) -> dict[str, Doubts]:
    values = {"rule": rule, "confirmed": list(CONFIRMED), "false_alarms": list(FALSE_ALARMS)}
    rows = await (await connection.execute(_QUERIES["records"], values)).fetchall()
    return {subject: Doubts(confirmed=right, false_alarms=wrong) for subject, right, wrong in rows}


def _together(sources: Collection[str], contacts: Mapping[str, Spans], timers: Timers) -> Spans:
    """When all sources of a bay's charge points were in contact: one that is silent leaves its bay unknown."""
    several = [contacts.get(source, ()) for source in sorted(sources)]
    if len(several) == 1:
        return several[0]
    lasting = [[Span(one.start, max(one.end, one.start + _MOMENT)) for one in spans] for spans in several]
    linked = [joined(spans, gap=timers.evse_stale) for spans in lasting]
    return reduce(common, linked) if linked else ()


def _points_free(
    site: Site,
    statuses: Mapping[str, Sequence[Status]],
    sources: Mapping[str, str],
    contacts: Mapping[str, Spans],
    timers: Timers,
    now: datetime,
) -> Spans:
    """When another charge point of the station was free."""
    others = [evse for evse in site.station_evses if evse not in site.bay.evses and evse in sources]
    pieces = (
        piece for evse in others for piece in point(statuses[evse], contacts.get(sources[evse], ()), timers, now).pieces
    )
    return joined(piece.span for piece in pieces if piece.state.idle)


def _neighbours(site: Site, sites: Sequence[Site], sightings: Mapping[str, Sequence[Sighting]]) -> list[datetime]:
    """Changes of the other bays at the station."""
    if not site.bay.station:
        return []
    others = [other.bay.key for other in sites if other.bay.station == site.bay.station and other is not site]
    return [one.at for key in others for one in sightings[key] if one.event is BayEvent.CHANGE]
