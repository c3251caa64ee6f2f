"""A DATEX II feed as we ask it: deltas, fetched in a catch-up loop whose cursor is ours to keep.

A feed gives the message after the one that `If-Modified-Since` names, until nothing is newer (204, 304) or the cursor
repeats. Only then are we in contact: before, what it said last may be old.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from alerts.charging.datex2 import PointStatus, StatusPublication, read_evse_ids, read_statuses
from alerts.charging.exchange import ErrorKind, SourceError, ask, check, read_json
from alerts.charging.intake import Learned, take
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.polling import Clock, HeldConnection, SourceHealth, in_time, utc_now
from alerts.charging.settings import Datex2Settings
from alerts.charging.status import RECHECK, EvseState, StatusEvent, evse_key, state_of
from alerts.charging.store import known_keys, newest_status, read_link
from alerts.outgoing import Answer, Request

logger = logging.getLogger(__name__)

NOTHING_NEW: Final = frozenset({204, 304})
STATIC_EVERY: Final = timedelta(hours=24)


class Datex2Source:
    """Asks one feed.

    Args:
        database: with the alerts' rights.
    """

    def __init__(
        self,
        name: str,
        settings: Datex2Settings,
        database: HeldConnection,
        metrics: ChargingMetrics,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.health = SourceHealth(name, "datex2")
        self.settings = settings
        self._name = name
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._tls = settings.tls.context()

    async def poll(self) -> None:
        """Catch up with the feed.

        Raises:
            SourceError: it cannot be asked, or has no end; what was read before is kept.
        """
        started = self._clock()
        async with self._database.use() as connection:
            state = await read_link(connection, self._name)
        ids = await self._evse_ids(state, started)
        cursor = str(state.get("cursor") or "")
        for _ in range(self.settings.max_messages):
            answer = await self._fetch(self.settings.url, {"If-Modified-Since": cursor} if cursor else {})
            if answer.status in NOTHING_NEW:
                break
            cursor, before = answer.headers.get("last-modified", ""), cursor
            await self._take(await read_json(answer), ids, cursor)
            if cursor in ("", before):
                break
        else:
            raise SourceError(ErrorKind.MALFORMED, f"no end after {self.settings.max_messages} messages")
        async with self._database.use() as connection:
            await take(connection, Learned(self._name, contact_at=started), self._metrics)
        self.health.last_contact_at = started

    async def recheck(self, evse_key: str, database: HeldConnection) -> StatusEvent:
        """Catch up now, and store what is then known last under the source `recheck`; UNKNOWN when that
        fails or takes too long.

        Raises:
            Retryable, Fatal, psycopg.Error: it cannot be stored.
        """
        started = self._clock()
        try:
            await in_time(self.poll())
            reached = True
        except SourceError as error:
            self._metrics.failed(self._name, error.kind)
            logger.warning("charging_recheck_failed source=%s kind=%s reason=%r", self._name, error.kind, str(error))
            reached = False
        async with database.use() as connection:
            newest = await newest_status(connection, evse_key) if reached else None
            if newest is None or newest.source == RECHECK:
                state, at = EvseState.UNKNOWN if newest is None else newest.status, started
            else:
                state, at = newest.status, newest.at
            event = StatusEvent(evse_key, at, started, RECHECK, state)
            await take(connection, Learned(self._name, [event]), self._metrics)
        return event

    async def _take(self, content: object, ids: Mapping[str, str], cursor: str) -> None:
        received_at = self._clock()
        publication = read_statuses(content)
        learned = Learned(
            self._name,
            statuses_of(publication.points, ids, source=self._name, received_at=received_at),
            problems=_problems(publication, content),
            link={"cursor": cursor or None},
            create=self.settings.everything,
        )
        async with self._database.use() as connection:
            await take(connection, learned, self._metrics)

    async def _evse_ids(self, state: Mapping[str, object], now: datetime) -> dict[str, str]:
        """EVSE-IDs by the feed's own ids: learned from the static data once a day, the configuration's before them."""
        stored = state.get("ids")
        learned = {str(key): str(value) for key, value in stored.items()} if isinstance(stored, dict) else {}
        asked_at = state.get("static_at")
        due = not isinstance(asked_at, str) or now - datetime.fromisoformat(asked_at) >= STATIC_EVERY
        if self.settings.static_url is not None and due:
            answer = await self._fetch(self.settings.static_url, {})
            if answer.status not in NOTHING_NEW:
                learned = await self._learn(await read_json(answer), now)
        return {**learned, **self.settings.evse_ids}

    async def _learn(self, content: object, now: datetime) -> dict[str, str]:
        """Keep the ids of the EVSEs that are known; a whole country's would be too many."""
        found = read_evse_ids(content)
        async with self._database.use() as connection:
            if not self.settings.everything:
                known = await known_keys(connection)
                found = {own: evse_id for own, evse_id in found.items() if evse_key(evse_id) in known}
            link = {"ids": found, "static_at": now.isoformat()}
            await take(connection, Learned(self._name, link=link), self._metrics)
        logger.info("datex2_ids_learned source=%s count=%d", self._name, len(found))
        return found

    async def _fetch(self, url: str, headers: Mapping[str, str]) -> Answer:
        request = Request(
            url,
            self.settings.timeout_seconds,
            headers={"Accept": "application/json", **headers},
            max_bytes=self.settings.max_bytes,
            allow_hosts=self.settings.allow_hosts,
            tls=self._tls,
        )
        answer = await ask(request)
        check(answer, allowed=NOTHING_NEW | {200})
        return answer


def statuses_of(
    points: Sequence[PointStatus], evse_ids: Mapping[str, str], *, source: str, received_at: datetime
) -> list[StatusEvent]:
    """The points as statuses; an id that nothing translates is taken for an EVSE-ID."""
    return [
        StatusEvent(key, point.at or received_at, received_at, source, state_of(point.word), point.word)
        for point in points
        if (key := evse_key(evse_ids.get(point.id, point.id)))
    ]


def _problems(publication: StatusPublication, content: object) -> Sequence[str]:
    if not publication.points and not publication.problems and content:
        return ["a message without any refill point"]
    return publication.problems
