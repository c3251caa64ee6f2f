"""OCPI's objects as far as we need them, read leniently.

What identifies an object, its status and its time must be there; everything else is kept as it was sent and not
judged, since even the specification's own examples break its schema. Enumerations are open: 2.3.0 adds values.
Identifiers are case-insensitive, so that keys are upper case.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.charging.status import EvseState, StatusEvent, evse_key, state_of

Object = dict[str, object]
"""A JSON object as it was sent."""

MAX_ID = 36
MAX_EVSE_ID = 48
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PARTY = re.compile(r"[A-Za-z0-9]{3}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE)


class Invalid(ValueError):
    """An object that cannot be taken; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Evse:
    """One EVSE; `data` is the whole object as sent."""

    uid: str
    evse_id: str
    status: str
    last_updated: datetime
    data: Object

    @property
    def state(self) -> EvseState:
        """Its normalised status."""
        return state_of(self.status)


@dataclass(frozen=True, slots=True)
class Location:
    """One location; `data` is the object as sent, without its EVSEs. `problems` tells EVSEs that cannot be taken."""

    country_code: str
    party_id: str
    id: str
    last_updated: datetime
    evses: tuple[Evse, ...]
    data: Object
    problems: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from every other location of the operator."""
        return location_key(self.country_code, self.party_id, self.id)


def read_location(value: object) -> Location:
    """A location with those of its EVSEs that can be read.

    Raises:
        Invalid: it has no identity or no time.
    """
    data = _object(value, "location")
    name = f"location {_shown(data.get('id'))}"
    evses: list[Evse] = []
    problems: list[str] = []
    for item in _list(data.get("evses"), name):
        try:
            evses.append(read_evse(item))
        except Invalid as error:
            problems.append(f"{name}: {error}")
    return Location(
        country_code=_matching(data, "country_code", _COUNTRY, name),
        party_id=_matching(data, "party_id", _PARTY, name),
        id=identifier(data.get("id"), f"{name}: id"),
        last_updated=read_time(data.get("last_updated"), f"{name}: last_updated"),
        evses=tuple(evses),
        data={key: item for key, item in data.items() if key != "evses"},
        problems=tuple(problems),
    )


def read_evse(value: object) -> Evse:
    """An EVSE.

    Raises:
        Invalid: it has no identity, status or time.
    """
    data = _object(value, "EVSE")
    name = f"EVSE {_shown(data.get('uid'))}"
    evse_id = data.get("evse_id")
    return Evse(
        uid=identifier(data.get("uid"), f"{name}: uid"),
        evse_id="" if evse_id is None else identifier(evse_id, f"{name}: evse_id", longest=MAX_EVSE_ID),
        status=identifier(data.get("status"), f"{name}: status"),
        last_updated=read_time(data.get("last_updated"), f"{name}: last_updated"),
        data=data,
    )


def read_connector(value: object) -> Object:
    """A connector, with its identity and time looked at.

    Raises:
        Invalid: it has none.
    """
    data = _object(value, "connector")
    identifier(data.get("id"), "connector: id")
    read_time(data.get("last_updated"), "connector: last_updated")
    return data


def read_time(value: object, name: str) -> datetime:
    """OCPI's DateTime: UTC with `Z` or without a designator, fractions allowed. An offset is understood, too.

    Raises:
        Invalid: it is none.
    """
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise Invalid(f"{name} is no time")
    try:
        at = datetime.fromisoformat(value.upper())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{name} is no time") from None


def write_time(at: datetime) -> str:
    """A time as OCPI writes it, to the microsecond: a rounded one would be older than itself."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def identifier(value: object, name: str, *, longest: int = MAX_ID) -> str:
    """A short printable text.

    Raises:
        Invalid: it is none.
    """
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value.strip()) <= longest:
        raise Invalid(f"{name} is no text of 1 to {longest} characters")
    return value.strip()


def location_key(country_code: str, party_id: str, location_id: str) -> str:
    """The form in which locations are compared."""
    return f"{country_code}*{party_id}*{location_id}".upper()


def statuses_of(
    location: Location, *, source: str, received_at: datetime, evse_ids: Mapping[str, str]
) -> Iterator[StatusEvent]:
    """What the location's EVSEs say."""
    for evse in location.evses:
        yield StatusEvent(
            key_of(location, evse, evse_ids), evse.last_updated, received_at, source, evse.state, evse.status
        )


def key_of(location: Location, evse: Evse, evse_ids: Mapping[str, str]) -> str:
    """The key of an EVSE's id, from the configuration, from the operator, or made from party and uid without both."""
    return evse_key(public_id(location, evse, evse_ids))


def public_id(location: Location, evse: Evse, evse_ids: Mapping[str, str]) -> str:
    """The EVSE-ID, `DE*ABC*E…`."""
    made = f"{location.country_code}*{location.party_id}*E{evse.uid}"
    return evse_ids.get(evse.uid) or evse.evse_id or made


def _object(value: object, name: str) -> Object:
    if not isinstance(value, dict):
        raise Invalid(f"{name} is no object")
    if _holds_nul(value):
        raise Invalid(f"{name} holds a NUL character")
    return value


def _holds_nul(value: object) -> bool:
    """PostgreSQL stores no NUL in text."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_holds_nul(key) or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _list(value: object, name: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"{name}: evses is no list")
    return value


def _matching(data: Object, key: str, pattern: re.Pattern[str], name: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Invalid(f"{name}: {key} is not of the form {pattern.pattern}")
    return value.upper()


def _shown(value: object) -> str:
    return repr(value[:MAX_ID]) if isinstance(value, str) else "without id"
