"""DATEX II (AFIR) in JSON: what a status publication says of refill points, and which EVSE-IDs a static one names.

Pure. What feeds do differently is read, too: the key `aegiRefillPointStatus`, points without `lastUpdated` (the
publication's own time counts), payloads as object or list, and points under the id of their station.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

POINT_KEYS: Final = ("aegiElectricChargingPointStatus", "aegiRefillPointStatus")
STATIC_POINT_KEYS: Final = ("aegiElectricChargingPoint", "aegiRefillPoint")
EVSE_ID: Final = "evseId"
DEEPEST: Final = 60

Json = Mapping[str, object]


class PointStatus(NamedTuple):
    """One refill point; `id` is the feed's own."""

    id: str
    at: datetime | None
    word: str


@dataclass(frozen=True, slots=True)
class StatusPublication:
    """What a message says; `problems` tells what cannot be read, a sentence each."""

    points: tuple[PointStatus, ...]
    problems: tuple[str, ...]


def read_statuses(content: object) -> StatusPublication:
    """The statuses of a dynamic message; an empty one of content that is none.

    Times are None where neither point nor publication tells one.
    """
    points: list[PointStatus] = []
    problems: list[str] = []
    for publication in _publications(content):
        published = _time(publication.get("publicationTime"))
        for site in _objects(publication.get("energyInfrastructureSiteStatus")):
            for station in _objects(site.get("energyInfrastructureStationStatus")):
                for found in _points(site, station, published):
                    if isinstance(found, str):
                        problems.append(found)
                    else:
                        points.append(found)
    return StatusPublication(tuple(points), tuple(problems))


def read_evse_ids(content: object) -> dict[str, str]:
    """EVSE-ID by the feed's own point id, from a static message."""
    found: dict[str, str] = {}
    for point in _static_points(content, 0):
        evse_id = _evse_id(point, 0)
        own = point.get("idG")
        if isinstance(own, str) and evse_id:
            found[own] = evse_id
    return found


def _publications(content: object) -> Iterator[Json]:
    container = content.get("messageContainer") if isinstance(content, dict) else None
    for payload in _objects(container.get("payload") if isinstance(container, dict) else None):
        publication = payload.get("aegiEnergyInfrastructureStatusPublication")
        if isinstance(publication, dict):
            yield publication


def _points(site: Json, station: Json, published: datetime | None) -> Iterator[PointStatus | str]:
    """The points of a station, or why one cannot be told."""
    entries = _objects(station.get("refillPointStatus"))
    above = [one for one in (_reference(station), _reference(site)) if one]
    for entry in entries:
        point = next((entry[key] for key in POINT_KEYS if isinstance(entry.get(key), dict)), None)
        if not isinstance(point, dict):
            yield f"station {_shown(above)}: a refill point of an unknown form"
            continue
        own = _reference(point) or next(iter(above), "")
        word = _word(point.get("status"))
        if not own or not word:
            yield f"station {_shown(above)}: a refill point without {'status' if own else 'id'}"
        elif own in above and len(entries) > 1:
            yield f"station {_shown(above)}: its {len(entries)} refill points have the station's id"
        else:
            yield PointStatus(own, _time(point.get("lastUpdated")) or published, word)


def _static_points(value: object, depth: int) -> Iterator[Json]:
    """Points wherever they stand: feeds nest them differently."""
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        for item in value:
            yield from _static_points(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in STATIC_POINT_KEYS:
                yield from _objects(item)
            yield from _static_points(item, depth + 1)


def _evse_id(value: object, depth: int) -> str:
    """The first external identifier of type `evseId` at or below `value`."""
    if depth > DEEPEST:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_evse_id(item, depth + 1) for item in value)), "")
    if not isinstance(value, dict):
        return ""
    kind, identifier = value.get("typeOfIdentifier"), value.get("identifier")
    if isinstance(kind, dict) and kind.get("extendedValueG") == EVSE_ID and isinstance(identifier, str):
        return identifier
    return next(filter(None, (_evse_id(item, depth + 1) for item in value.values())), "")


def _objects(value: object) -> list[Json]:
    """A list of objects; one alone stands for a list of one."""
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def _reference(value: Json) -> str:
    reference = value.get("reference")
    own = reference.get("idG") if isinstance(reference, dict) else None
    return own.strip() if isinstance(own, str) and own.isprintable() else ""


def _word(status: object) -> str:
    word = status.get("value") if isinstance(status, dict) else status
    return word if isinstance(word, str) and word.isprintable() else ""


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _shown(ids: list[str]) -> str:
    return repr(ids[0]) if ids else "without id"
