"""How a location that is known and one that arrives become one: pure.

Every part obeys its own `last_updated`: what is older than what is known is ignored, part by part. So a pull that
crosses a push loses nothing, and a missed push of one EVSE comes with the next pull although another EVSE of the same
location has pushed since.
"""

from dataclasses import replace
from datetime import datetime

from alerts.charging.ocpi.models import Evse, Invalid, Location, Object, read_connector, read_evse, write_time


def merged(known: Location | None, arrived: Location) -> Location:
    """The location as it is after `arrived`, the whole object, came over `known`."""
    if known is None:
        return arrived
    current, other = (arrived, known) if arrived.last_updated >= known.last_updated else (known, arrived)
    newest = {evse.uid.upper(): evse for evse in current.evses}
    for evse in other.evses:
        rival = newest.get(evse.uid.upper())
        # an EVSE that the current object lacks is gone, unless it speaks of a later time
        threshold = current.last_updated if rival is None else rival.last_updated
        if evse.last_updated > threshold:
            newest[evse.uid.upper()] = evse
    evses = tuple(newest.values())
    return replace(current, evses=evses, last_updated=max([current.last_updated, *(e.last_updated for e in evses)]))


def not_ahead(known: Location, now: datetime) -> Location:
    """The location with no part from the future: an operator's clock that was wrong once silences no later update."""
    evses = tuple(replace(evse, last_updated=min(evse.last_updated, now)) for evse in known.evses)
    return replace(known, evses=evses, last_updated=min(known.last_updated, now))


def with_evse(known: Location, evse: Evse) -> Location:
    """The location after one of its EVSEs was sent; an older one changes nothing."""
    before = find_evse(known, evse.uid)
    if before is not None and evse.last_updated < before.last_updated:
        return known
    others = tuple(one for one in known.evses if one is not before)
    return replace(known, evses=(*others, evse), last_updated=max(known.last_updated, evse.last_updated))


def with_connector(known: Location, evse: Evse, connector: Object, last_updated: datetime) -> Location:
    """The location after one of its connectors was sent."""
    connectors = [one for one in _connectors(evse) if _id(one) != _id(connector)]
    stamp = write_time(max(last_updated, evse.last_updated))
    data = {**evse.data, "connectors": [*connectors, connector], "last_updated": stamp}
    return with_evse(known, read_evse(data))


def patched_location(known: Location, patch: Object, last_updated: datetime) -> Location:
    """The location with these fields; a list of EVSEs is replaced as a whole.

    Raises:
        Invalid: a value cannot be.
    """
    if last_updated < known.last_updated and "evses" not in patch:
        return known
    fields = {key: value for key, value in patch.items() if key not in ("id", "country_code", "party_id", "evses")}
    evses = known.evses
    if "evses" in patch:
        if not isinstance(patch["evses"], list):
            raise Invalid("evses is no list")
        evses = tuple(map(read_evse, patch["evses"]))
    stamp = max(last_updated, known.last_updated)
    data = {key: value for key, value in {**known.data, **fields}.items() if value is not None}
    return replace(known, data=data, evses=evses, last_updated=stamp)


def patched_evse(evse: Evse, patch: Object) -> Evse:
    """The EVSE with these fields.

    Raises:
        Invalid: a value cannot be.
    """
    return read_evse({**evse.data, **patch, "uid": evse.uid})


def patched_connector(connector: Object, patch: Object) -> Object:
    """The connector with these fields.

    Raises:
        Invalid: a value cannot be.
    """
    return read_connector({**connector, **patch, "id": connector["id"]})


def find_evse(location: Location, uid: str) -> Evse | None:
    """The EVSE with this uid."""
    return next((evse for evse in location.evses if evse.uid.upper() == uid.upper()), None)


def find_connector(evse: Evse, connector_id: str) -> Object | None:
    """The connector with this id."""
    return next((one for one in _connectors(evse) if _id(one) == connector_id.upper()), None)


def whole(location: Location) -> Object:
    """The location as one object with everything in it, as an operator may read it back."""
    return {
        **location.data,
        "evses": [evse.data for evse in location.evses],
        "last_updated": write_time(location.last_updated),
    }


def _connectors(evse: Evse) -> list[Object]:
    found = evse.data.get("connectors")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _id(connector: Object) -> str:
    return str(connector.get("id", "")).upper()
