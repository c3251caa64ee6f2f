"""The Locations module as receiver: GET, PUT and PATCH of locations, EVSEs and connectors.

What is older than what is known is answered with success and changes nothing, as the specification asks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from alerts.charging.ocpi.locations import Desk
from alerts.charging.ocpi.merge import (
    find_connector,
    find_evse,
    merged,
    patched_connector,
    patched_evse,
    patched_location,
    whole,
    with_connector,
    with_evse,
)
from alerts.charging.ocpi.models import (
    Evse,
    Invalid,
    Location,
    Object,
    location_key,
    read_connector,
    read_evse,
    read_location,
    read_time,
)
from portal.ocpi.envelope import Code, Fault, Reply, invalid
from storage.database import Connection


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: a location, one of its EVSEs, or one of that one's connectors."""

    country_code: str
    party_id: str
    location_id: str
    evse_uid: str = ""
    connector_id: str = ""

    @property
    def key(self) -> str:
        """The location's key."""
        return location_key(self.country_code, self.party_id, self.location_id)


async def get(desk: Desk, connection: Connection, target: Target) -> Reply:
    """The object as it is known.

    Raises:
        Fault: it is not known.
    """
    known = await desk.read(connection, target.country_code, target.party_id, target.location_id)
    location = _known(known)
    if not target.evse_uid:
        return Reply(whole(location))
    evse = _evse(location, target)
    return Reply(_connector(evse, target) if target.connector_id else evse.data)


async def put(desk: Desk, connection: Connection, target: Target, body: Object, received_at: datetime) -> Reply:
    """Take a whole object; 201 when it is new.

    Raises:
        Fault: it cannot be read, is another one than the URL says, or its parent is not known.
    """
    if target.connector_id:
        place = _placing_connector(target, body)
    else:
        place = _placing_evse(target, body) if target.evse_uid else _placing_location(target, body)
    created: list[bool] = []

    def change(known: Location | None) -> Location:
        created.append(not _exists(known, target))
        return place(known)

    now = await desk.change(connection, target.key, change, received_at=received_at)
    message = f"taken without {'; '.join(now.problems)}" if now.problems else ""
    return Reply(status=201 if created[0] else 200, message=message)


async def patch(desk: Desk, connection: Connection, target: Target, body: Object, received_at: datetime) -> Reply:
    """Change fields of an object that is known.

    Raises:
        Fault: `last_updated` is missing, a value cannot be, or the object is not known.
    """
    if "last_updated" not in body:
        raise invalid("a PATCH needs last_updated")
    try:
        at = read_time(body["last_updated"], "last_updated")

        def change(known: Location | None) -> Location:
            return _patched(_known(known), target, body, at)

        await desk.change(connection, target.key, change, received_at=received_at)
    except Invalid as error:
        raise invalid(str(error)) from None
    return Reply()


def _placing_location(target: Target, body: Object) -> Callable[[Location | None], Location]:
    try:
        arrived = read_location(body)
    except Invalid as error:
        raise invalid(str(error)) from None
    if arrived.key != target.key:
        raise invalid("the ids in URL and body differ")
    return lambda known: merged(known, arrived)


def _placing_evse(target: Target, body: Object) -> Callable[[Location | None], Location]:
    try:
        arrived = read_evse(body)
    except Invalid as error:
        raise invalid(str(error)) from None
    if arrived.uid.upper() != target.evse_uid.upper():
        raise invalid("the ids in URL and body differ")
    return lambda known: with_evse(_known(known), arrived)


def _placing_connector(target: Target, body: Object) -> Callable[[Location | None], Location]:
    try:
        arrived = read_connector(body)
        at = read_time(arrived["last_updated"], "last_updated")
    except Invalid as error:
        raise invalid(str(error)) from None
    if str(arrived["id"]).upper() != target.connector_id.upper():
        raise invalid("the ids in URL and body differ")

    def place(known: Location | None) -> Location:
        location = _known(known)
        return with_connector(location, _evse(location, target), arrived, at)

    return place


def _patched(location: Location, target: Target, body: Object, at: datetime) -> Location:
    if not target.evse_uid:
        return patched_location(location, body, at)
    evse = _evse(location, target)
    if not target.connector_id:
        return with_evse(location, patched_evse(evse, body))
    return with_connector(location, evse, patched_connector(_connector(evse, target), body), at)


def _exists(location: Location | None, target: Target) -> bool:
    if location is None or not target.evse_uid:
        return location is not None
    evse = find_evse(location, target.evse_uid)
    if evse is None or not target.connector_id:
        return evse is not None
    return find_connector(evse, target.connector_id) is not None


def _known(location: Location | None) -> Location:
    if location is None:
        raise Fault(404, Code.UNKNOWN_LOCATION, "Unknown location")
    return location


def _evse(location: Location, target: Target) -> Evse:
    evse = find_evse(location, target.evse_uid)
    if evse is None:
        raise Fault(404, Code.UNKNOWN_LOCATION, "Unknown EVSE")
    return evse


def _connector(evse: Evse, target: Target) -> Object:
    connector = find_connector(evse, target.connector_id)
    if connector is None:
        raise Fault(404, Code.UNKNOWN_LOCATION, "Unknown connector")
    return connector
