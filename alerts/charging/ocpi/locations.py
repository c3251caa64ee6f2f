"""Locations in the database: what arrives, pushed or pulled, is merged into what is known and gives statuses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg.types.json import Jsonb

from alerts.charging.intake import Learned, take
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.ocpi.merge import merged, not_ahead, whole
from alerts.charging.ocpi.models import Location, location_key, public_id, read_location, statuses_of
from alerts.charging.status import StatusEvent, evse_key
from alerts.charging.store import EvseRow
from storage.database import Connection
from storage.statements import load

_QUERIES = load("charging")

Change = Callable[[Location | None], Location]
"""From what is known of a location to what it is now."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Takes the locations of one source.

    Attributes:
        evse_ids: EVSE-ID by the uid that the operator uses, where it sends none.
    """

    source: str
    metrics: ChargingMetrics
    evse_ids: Mapping[str, str] = field(default_factory=dict)

    async def take_all(
        self,
        connection: Connection,
        locations: Sequence[Location],
        *,
        received_at: datetime,
    ) -> int:
        """Merge pulled locations and store what they say, in one transaction; returns how many statuses were new.

        It is no contact yet: only the whole pull proves what it does not mention.
        """
        async with connection.transaction():
            # in order, so that two writers never wait for each other in a circle
            for one in sorted(locations, key=lambda location: location.key):
                await self._change(
                    connection,
                    one.key,
                    lambda known, one=one: merged(known, one),  # type: ignore[misc]
                    received_at,
                )
            return await take(connection, self._learned(locations, received_at, contact_at=None), self.metrics)

    async def change(self, connection: Connection, key: str, change: Change, *, received_at: datetime) -> Location:
        """Apply a push to a location and store what it says, in one transaction; returns the location as it is now."""
        async with connection.transaction():
            now = await self._change(connection, key, change, received_at)
            await take(connection, self._learned([now], received_at, contact_at=received_at), self.metrics)
        return now

    async def read(self, connection: Connection, country_code: str, party_id: str, location_id: str) -> Location | None:
        """The location as it is known; None when it is not."""
        return await self._read(connection, location_key(country_code, party_id, location_id))

    async def _change(self, connection: Connection, key: str, change: Change, received_at: datetime) -> Location:
        await connection.execute(_QUERIES["lock_location"], {"source": self.source, "key": key})
        known = await self._read(connection, key)
        now = change(None if known is None else not_ahead(known, received_at))
        values = {"source": self.source, "key": key, "object": Jsonb(whole(now)), "last_updated": now.last_updated}
        await connection.execute(_QUERIES["write_location"], values)
        return now

    async def _read(self, connection: Connection, key: str) -> Location | None:
        cursor = await connection.execute(_QUERIES["read_location"], {"source": self.source, "key": key})
        row = await cursor.fetchone()
        return None if row is None else read_location(row[0])

    def _learned(self, locations: Sequence[Location], received_at: datetime, *, contact_at: datetime | None) -> Learned:
        statuses: list[StatusEvent] = []
        for one in locations:
            statuses += statuses_of(one, source=self.source, received_at=received_at, evse_ids=self.evse_ids)
        return Learned(
            self.source,
            statuses,
            contact_at=contact_at,
            evses=[row for one in locations for row in self._rows(one)],
            problems=[problem for one in locations for problem in one.problems],
        )

    def _rows(self, location: Location) -> Iterable[EvseRow]:
        for evse in location.evses:
            named = public_id(location, evse, self.evse_ids)
            yield EvseRow(evse_key(named), named, location.id, evse.uid, evse.data)
