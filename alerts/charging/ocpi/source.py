"""An operator over OCPI as we ask it: register, reconcile what pushes may have missed, ask again before an alert.

Failed pushes are not queued by operators, so every poll asks for what changed since the last one began, with a minute
to spare, and once a night for everything.
"""

import logging
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.intake import Learned, take, tell
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.ocpi.credentials import RENEW_AFTER, Handshake, Link
from alerts.charging.ocpi.locations import Desk
from alerts.charging.ocpi.models import Evse, Invalid, Location, read_evse, read_location
from alerts.charging.polling import Clock, HeldConnection, SourceHealth, in_time, utc_now
from alerts.charging.status import RECHECK, EvseState, StatusEvent
from alerts.charging.store import find_evse, newest_status, read_link, unsettled
from storage.database import Connection

logger = logging.getLogger(__name__)

OVERLAP: Final = timedelta(seconds=60)
FULL_SPLAY_SECONDS: Final = 1800
HANDSHAKE_REQUESTS: Final = 3
LOCAL: Final = ZoneInfo("Europe/Berlin")


class OcpiSource:
    """Asks one operator.

    Args:
        database: with the alerts' rights.
    """

    def __init__(
        self, handshake: Handshake, database: HeldConnection, metrics: ChargingMetrics, *, clock: Clock = utc_now
    ) -> None:
        self.health = SourceHealth(handshake.source, "ocpi")
        self.settings = handshake.settings
        self._name = handshake.source
        self._handshake = handshake
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._desk = Desk(handshake.source, metrics, self.settings.evse_ids)

    async def poll(self) -> None:
        """One reconciliation: everything when a full one is due, else what changed.

        Raises:
            SourceError: the operator cannot be asked; nothing that was proved stays unproved.
        """
        link, token = await self._linked()
        started = self._clock()
        async with self._database.use() as connection:
            state = await read_link(connection, self._name)
        full = self.full_is_due(_moment(state.get("last_full")), started)
        last = _moment(state.get("last_poll"))
        date_from = None if full or last is None else last - OVERLAP
        async for page in self._pages(link, token, date_from):
            async with self._database.use() as connection:
                await self._desk.take_all(connection, page, received_at=self._clock())
        done = {"last_poll": started.isoformat()} | ({"last_full": started.isoformat()} if full else {})
        async with self._database.use() as connection:
            await take(connection, Learned(self._name, contact_at=started, link=done), self._metrics)
            forgotten = await unsettled(connection, self._name)
        self.health.last_contact_at = started
        for evse_key in forgotten:
            await self.recheck(evse_key, self._database)

    async def recheck(self, evse_key: str, database: HeldConnection) -> StatusEvent:
        """Ask for one EVSE now and store what comes under the source `recheck`; UNKNOWN when nothing comes in time.

        Raises:
            Retryable, Fatal, psycopg.Error: it cannot be stored.
        """
        started = self._clock()
        try:
            evse: Evse | None = await in_time(self._ask(evse_key, database))
        except SourceError as error:
            self._metrics.failed(self._name, error.kind)
            logger.warning("charging_recheck_failed source=%s kind=%s reason=%r", self._name, error.kind, str(error))
            evse = None
        async with database.use() as connection:
            event = await self._rechecked(connection, evse_key, evse, started)
            contact = None if evse is None else started
            await take(connection, Learned(self._name, [event], contact_at=contact), self._metrics)
        return event

    def full_is_due(self, last: datetime | None, now: datetime) -> bool:
        """True when no full pull was made since the last night's hour, which differs a little from source to source."""
        if last is None:
            return True
        splay = timedelta(seconds=zlib.crc32(self._name.encode()) % FULL_SPLAY_SECONDS)
        local = now.astimezone(LOCAL)
        due = local.replace(hour=self.settings.full_at_hour, minute=0, second=0, microsecond=0) + splay
        if due > local:
            due -= timedelta(days=1)
        return last < due

    async def _linked(self) -> tuple[Link, SecretStr]:
        """The link; made, or renewed once a month, where it is for us to do so."""
        now = self._clock()
        async with self._database.use() as connection:
            found = await self._handshake.link(connection)
        ours = self.settings.token_file is not None
        if found is None or (ours and now - found[0].registered_at >= RENEW_AFTER):
            async with self._database.use(HANDSHAKE_REQUESTS * self.settings.timeout_seconds + 10) as connection:
                await self._handshake.register(connection, now)
                found = await self._handshake.link(connection)
        if found is None:
            raise SourceError(ErrorKind.HANDSHAKE, "the handshake left nothing behind")
        return found

    async def _pages(
        self, link: Link, token: SecretStr, date_from: datetime | None
    ) -> AsyncIterator[Sequence[Location]]:
        client = self._handshake.client
        async for page in client.locations(link.locations_url, token, link.operator, date_from=date_from):
            locations: list[Location] = []
            problems: list[str] = []
            for item in page:
                try:
                    locations.append(read_location(item))
                except Invalid as error:
                    problems.append(str(error))
            tell(self._name, problems, self._metrics)
            yield locations

    async def _ask(self, evse_key: str, database: HeldConnection) -> Evse:
        async with database.use() as connection:
            found, known = await self._handshake.link(connection), await find_evse(connection, evse_key)
        if found is None:
            raise SourceError(ErrorKind.HANDSHAKE, "not registered")
        if known is None or not known.uid:
            raise SourceError(ErrorKind.OBJECT, "the operator's ids of this EVSE are not known")
        link, token = found
        answer = await self._handshake.client.evse(
            link.locations_url, token, link.operator, known.location_id, known.uid
        )
        try:
            evse = read_evse(answer)
        except Invalid as error:
            raise SourceError(ErrorKind.MALFORMED, str(error)) from None
        if evse.uid.upper() != known.uid.upper():
            raise SourceError(ErrorKind.MALFORMED, "the operator answers with another EVSE")
        return evse

    async def _rechecked(
        self, connection: Connection, evse_key: str, evse: Evse | None, started: datetime
    ) -> StatusEvent:
        """The event: at the operator's time, so that a missed push counts from when it was true; now where what is
        known contradicts that time.
        """
        if evse is None:
            return StatusEvent(evse_key, started, started, RECHECK, EvseState.UNKNOWN)
        newest = await newest_status(connection, evse_key)
        contradicts = newest is not None and newest.status is not evse.state and evse.last_updated <= newest.at
        at = started if contradicts else evse.last_updated
        return StatusEvent(evse_key, at, started, RECHECK, evse.state, evse.status)


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None
