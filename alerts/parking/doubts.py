"""What makes a case more or less certain and is not in the bay's own messages, set-wise from the database."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from alerts.parking.inputs import Bay, Doubts, Lesson, Sighting
from alerts.parking.occupancy import known_spans
from alerts.parking.sensors import Binding, Sensors
from alerts.parking.settings import ParkingSettings, Timers
from alerts.spans import Span, Spans, common, covering, joined
from decoders.readings import BayEvent
from storage.database import Connection
from storage.statements import load

_QUERIES = load("parking")

CONFIRMED: Final = ("VERWARNUNG_ERTEILT", "BUSSGELD_ANZEIGE", "ABGESCHLEPPT", "ERMAHNUNG")
FALSE_ALARMS: Final = ("KEIN_FAHRZEUG", "FAHRZEUG_LAEDT_DOCH")
"""Outcomes of people that say that a sensor was right, or wrong."""

RESTARTED_WITHIN: Final = timedelta(hours=24)
"""So long after a start a sensor is not trusted like one that has stood there."""
BATTERY_BELIEVED: Final = timedelta(days=3)
"""So long a word about a battery counts when no other follows."""


async def load_doubts(
    connection: Connection,
    bays: Sequence[Bay],
    neighbours: Mapping[str, Sequence[str]],
    sensors: Mapping[str, Sensors],
    sightings: Mapping[str, Sequence[Sighting]],
    values: Mapping[str, object],
    *,
    rule: str,
    settings: ParkingSettings,
) -> dict[str, Doubts]:
    """The doubts of each bay but those of a second sensor.

    Args:
        values: `keys` of the bays, `starts` of their windows, `now`.
        neighbours: keys of the other bays at the station.
    """
    before = {one.binding: one for one in await _before(connection, values, settings)}
    batteries = await _batteries(connection, values, settings)
    changes = await _changes(connection, neighbours, values)
    lessons = await _lessons(connection, bays, rule)
    found: dict[str, Doubts] = {}
    for bay in bays:
        learns: list[Span] = []
        weak: list[Span] = []
        for one, times in sensors[bay.key].answered():
            own = [seen for seen in sightings[bay.key] if covering(times, seen.at)]
            learns += common(joined(learning(before.get(one.id), one, own, settings.learning_changes)), times)
            weak += common(batteries[one.id], times)
        found[bay.key] = Doubts(
            learning=joined(learns),
            battery_low=joined(weak),
            neighbour_changes=changes[bay.key],
            sensors=sensors[bay.key].times,
            lessons=sorted(lessons[bay.key] + (lessons[bay.group] if bay.group else [])),
        )
    return found


class Before(NamedTuple):
    """What a sensor did before a window: changes in this bay, at most as many as it needs, and its last start."""

    binding: int
    changes: int
    started_at: datetime | None


def learning(before: Before | None, binding: Binding, own: Sequence[Sighting], needed: int) -> Iterator[Span]:
    """When a sensor was new to its place, or had been started shortly before. Pure."""
    changes = [one.at for one in own if one.event is BayEvent.CHANGE]
    missing = needed - (before.changes if before is not None else 0)
    if missing > 0:
        yield Span(binding.valid.start, changes[missing - 1] if missing <= len(changes) else binding.valid.end)
    starts = [one.at for one in own if one.event is BayEvent.STARTUP and one.occupied is None]
    if before is not None and before.started_at is not None:
        starts.append(before.started_at)
    yield from (Span(at, at + RESTARTED_WITHIN) for at in starts)


def agreeing(own: Sequence[Sighting], second: Sequence[Sighting], timers: Timers) -> Spans:
    """When both sensors of a bay said that it is occupied. Pure."""
    if not second:
        return ()
    return common(known_spans(own, timers, occupied=True), known_spans(second, timers, occupied=True))


async def _before(connection: Connection, values: Mapping[str, object], settings: ParkingSettings) -> list[Before]:
    more = {"changes": settings.learning_changes, "restarted": RESTARTED_WITHIN}
    rows = await (await connection.execute(_QUERIES["before"], {**values, **more})).fetchall()
    return [Before(*row) for row in rows]


async def _batteries(
    connection: Connection, values: Mapping[str, object], settings: ParkingSettings
) -> Mapping[int, list[Span]]:
    """When each sensor's battery was low, by the sensor's binding."""
    more = {"level": settings.battery_level, "believed": BATTERY_BELIEVED}
    rows = await (await connection.execute(_QUERIES["batteries"], {**values, **more})).fetchall()
    said: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    for binding, at, low in rows:
        said[binding].append((at, low))
    return defaultdict(list, {binding: list(_low(several)) for binding, several in said.items()})


def _low(said: Sequence[tuple[datetime, bool]]) -> Iterator[Span]:
    """From each bad word to the next word."""
    for place, (at, low) in enumerate(said):
        over = at + BATTERY_BELIEVED
        if low:
            yield Span(at, min(over, said[place + 1][0]) if place + 1 < len(said) else over)


async def _changes(
    connection: Connection, neighbours: Mapping[str, Sequence[str]], values: Mapping[str, object]
) -> Mapping[str, list[datetime]]:
    """When the other bays of each bay's station changed."""
    keys, starts = values["keys"], values["starts"]
    assert isinstance(keys, list)
    assert isinstance(starts, list)
    rows = [(key, other, start) for key, start in zip(keys, starts, strict=True) for other in neighbours[key]]
    found: dict[str, list[datetime]] = defaultdict(list)
    if rows:
        mine, others, since = zip(*rows, strict=True)
        more = {"keys": list(mine), "others": list(others), "starts": list(since), "now": values["now"]}
        for key, at in await (await connection.execute(_QUERIES["neighbour_changes"], more)).fetchall():
            found[key].append(at)
    return found


async def _lessons(connection: Connection, bays: Sequence[Bay], rule: str) -> Mapping[str, list[Lesson]]:
    """What people found, by the subject of their case: a bay, or the station of a group."""
    subjects = {name for bay in bays for name in (bay.key, bay.group) if name}
    values = {
        "rule": rule,
        "subjects": sorted(subjects),
        "confirmed": list(CONFIRMED),
        "outcomes": [*CONFIRMED, *FALSE_ALARMS],
    }
    found: dict[str, list[Lesson]] = defaultdict(list)
    for subject, *lesson in await (await connection.execute(_QUERIES["lessons"], values)).fetchall():
        found[subject].append(Lesson(*lesson))
    return found
