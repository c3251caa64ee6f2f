"""Bays and their histories from the database, set-wise: a few statements for any number of bays."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from alerts.charging.status import EvseState, evse_key
from alerts.parking.doubts import agreeing, load_doubts
from alerts.parking.inputs import EVER, Bay, Frame, History, Link, Sighting, Sign, Status
from alerts.parking.points import SILENT, Contacts, point
from alerts.parking.sensors import FOREVER, Sensors, load_sensors
from alerts.parking.settings import ParkingSettings, Timers
from alerts.parking.signs import SignSettings, out_of_service, signs_of
from alerts.spans import Span, Spans, common, joined, without
from decoders.readings import BayEvent
from storage.database import Connection
from storage.statements import load

SETTLED_AFTER = timedelta(hours=3)
"""A message is hardly later than this; a later one is found by `recent_sightings` and read with a longer history."""
OLDEST = timedelta(days=14)
_MOMENT = timedelta(microseconds=1)

_QUERIES = load("parking")
_log = logging.getLogger(__name__)


class Print(NamedTuple):
    """How many bays and links to charge points there are, and the newest of them: changes when one did."""

    bays: int
    changed_at: object
    links: int
    linked_at: object
    ended: int


@dataclass(frozen=True, slots=True)
class Site:
    """A bay, where it lies, and what it has beside it at its station: other bays, and charge points with its own."""

    bay: Bay
    district: str
    station_evses: tuple[str, ...]
    neighbours: tuple[str, ...] = ()


async def load_sites(connection: Connection, default_signs: Sequence[SignSettings], zone: ZoneInfo) -> dict[str, Site]:
    """All bays of the city by key."""
    links: dict[str, list[Link]] = defaultdict(list)
    for key, evse, shared, start, end in await (await connection.execute(_QUERIES["links"])).fetchall():
        links[key].append(Link(evse, Span(start, end), shared))
    rows = await (await connection.execute(_QUERIES["bays"])).fetchall()
    bays = {key: _bay(key, attributes, links[key], default_signs, zone) for key, _, attributes in rows}
    streets: dict[str, list[Bay]] = defaultdict(list)
    for bay in bays.values():
        if bay.station:
            streets[bay.station].append(bay)
    return {key: _site(bays[key], district, streets[bays[key].station]) for key, district, _ in rows}


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
    settings: ParkingSettings,
) -> dict[str, History]:
    """The histories of bays, by key; `windows` says from where on."""
    keys, timers = [site.bay.key for site in sites], settings.timers
    values = {"keys": keys, "starts": [windows[key] for key in keys], "now": now}
    sensors = await load_sensors(connection, values)
    sightings, others = await _sightings(connection, values, sensors)
    frames = await _frames(connection, values, sensors)
    statuses, sources = await _statuses(connection, sites, windows, now)
    contacts = await _contacts(connection, min(windows[key] for key in keys) - timedelta(hours=1), now)
    free = _free(statuses, sources, contacts, timers, now)
    bays, neighbours = [site.bay for site in sites], {site.bay.key: site.neighbours for site in sites}
    doubts = await load_doubts(connection, bays, neighbours, sensors, sightings, values, rule=rule, settings=settings)
    return {
        site.bay.key: History(
            sightings[site.bay.key],
            frames[site.bay.key],
            [one for evse in {link.evse: None for link in site.bay.served} for one in statuses[evse]],
            _together(site.bay.served, sources, contacts, timers),
            _points_free(site, free),
            replace(
                doubts[site.bay.key], second_sensor=agreeing(sightings[site.bay.key], others[site.bay.key], timers)
            ),
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


def _bay(
    key: str,
    attributes: Mapping[str, object],
    links: Sequence[Link],
    default_signs: Sequence[SignSettings],
    zone: ZoneInfo,
) -> Bay:
    """The bay of an asset; one whose signs cannot be read is not judged, and costs the others nothing.

    Which charge points served it when is known from its links; a bay that nobody linked yet has those that it names.
    """
    signs: Sequence[Sign] = ()
    closed: Spans = ()
    try:
        signs, closed = signs_of(attributes, default_signs, zone), out_of_service(attributes)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        _log.error("bay_not_judged key=%s reason=%r", key, problems)
    station = str(attributes.get("station", ""))
    named = tuple(link.evse for link in links if link.valid.end >= FOREVER) if links else _evses(attributes)
    shared = any(link.shared for link in links) if links else str(attributes.get("mapping", "")).upper() == "GROUP"
    return Bay(key, station, named, station if shared else "", signs, closed, links)


def _site(bay: Bay, district: str, street: Sequence[Bay]) -> Site:
    """The bay with what lies beside it."""
    evses = {link.evse for one in (bay, *street) for link in one.served}
    return Site(bay, district, tuple(sorted(evses)), tuple(one.key for one in street if one.key != bay.key))


def _evses(attributes: Mapping[str, object]) -> tuple[str, ...]:
    listed = attributes.get("evses")
    return tuple(evse_key(str(one)) for one in listed) if isinstance(listed, list) else ()


async def _sightings(
    connection: Connection, values: Mapping[str, object], sensors: Mapping[str, Sensors]
) -> tuple[dict[str, list[Sighting]], dict[str, list[Sighting]]]:
    """What the bays' sensors said, and what second sensors of another make did."""
    found: dict[str, list[Sighting]] = defaultdict(list)
    others: dict[str, list[tuple[str, Sighting]]] = defaultdict(list)
    makes: dict[str, set[str]] = defaultdict(set)
    for row in await (await connection.execute(_QUERIES["sightings"], values)).fetchall():
        key, binding, at, occupied, certain, event, f_cnt, dev_addr, device, ns_time, make = row
        one = Sighting(
            at,
            occupied if certain else None,
            BayEvent(event or BayEvent.STARTUP),
            f_cnt,
            f"{device}/{dev_addr}",
            f"{device}/{ns_time.isoformat()}/{f_cnt}",
            sensors[key].until(binding),
        )
        if sensors[key].first(binding, at):
            found[key].append(one)
            makes[key].add(make)
        else:
            others[key].append((make, one))
    seconds = {key: [one for make, one in several if make not in makes[key]] for key, several in others.items()}
    return found, defaultdict(list, seconds)


async def _frames(
    connection: Connection, values: Mapping[str, object], sensors: Mapping[str, Sensors]
) -> dict[str, list[Frame]]:
    found: dict[str, list[Frame]] = defaultdict(list)
    for key, binding, at, session, f_cnt in await (await connection.execute(_QUERIES["frames"], values)).fetchall():
        if sensors[key].first(binding, at):
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


def _together(
    links: Sequence[Link], sources: Mapping[str, str], contacts: Mapping[str, Spans], timers: Timers
) -> Spans:
    """When all sources of the charge points that served the bay were in contact: a silent one leaves it unknown."""
    served: dict[str, list[Span]] = defaultdict(list)
    for link in links:
        if link.evse in sources:
            served[sources[link.evse]].append(link.valid)
    if len(served) == 1:
        return contacts.get(next(iter(served)), ())
    known = []
    for source, times in sorted(served.items()):
        lasting = [Span(one.start, max(one.end, one.start + _MOMENT)) for one in contacts.get(source, ())]
        linked = common(joined(lasting, gap=timers.evse_stale), joined(times))
        known.append(joined([*linked, *without([EVER], joined(times))]))
    return reduce(common, known) if known else ()


def _free(
    statuses: Mapping[str, Sequence[Status]],
    sources: Mapping[str, str],
    contacts: Mapping[str, Spans],
    timers: Timers,
    now: datetime,
) -> dict[str, list[Span]]:
    """When each charge point was free."""
    worth = Contacts(timers, now)
    heard = {source: worth.of(spans) for source, spans in contacts.items()}
    points = {evse: point(statuses[evse], heard.get(source, SILENT), timers, now) for evse, source in sources.items()}
    return {evse: [piece.span for piece in one.pieces if piece.state.idle] for evse, one in points.items()}


def _points_free(site: Site, free: Mapping[str, Sequence[Span]]) -> Spans:
    """When another charge point of the station was free."""
    own = {link.evse for link in site.bay.served}
    return joined(span for evse in site.station_evses if evse not in own for span in free.get(evse, ()))
