"""Rule `device_silent`: a device was not heard for several of its own intervals, which are learned from its uplinks."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from alerts.durations import Duration
from alerts.grouping import behind_gateways
from alerts.model import Finding, Findings, SubjectKind
from alerts.rules.devices import device_portions
from alerts.rules.quiet import Heard, silences
from alerts.rules.settings import GradedSettings
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
_NEVER = timedelta(days=36500)
_NEW = timedelta(days=3)
"""A device that was known for longer and has no interval is hardly ever heard."""


class DeviceSilentSettings(GradedSettings):
    """When a device counts as silent."""

    kind: Literal["device_silent"] = Field(description="`device_silent`: a device was not heard for too long")
    intervals: float = Field(
        default=4.0,
        gt=1,
        le=100,
        description="silent after so many of its own intervals, in which losses are contained",
    )
    at_least: Duration = Field(default=timedelta(hours=1), description="never silent sooner")
    at_most: Duration = Field(default=timedelta(days=7), description="silent at the latest after this time")
    unlearned: Duration | None = Field(
        default=timedelta(hours=26),
        description="limit of new devices, whose interval is not learned; null: not judged till then",
    )
    give_up_after: Duration = Field(
        default=timedelta(days=90), description="no new alert about devices that were not heard for so long"
    )
    sources: tuple[str, ...] = Field(default=(), description="only devices of these sources; default: all")
    profiles: tuple[str, ...] = Field(default=(), description="only devices with these profiles; default: all")


class DeviceSilent:
    """The rule. Judged in the database, so that only silent devices travel: 100,000 of them cost little."""

    code = "DEVICE_SILENT"
    wakes: frozenset[str] = frozenset()
    pace = timedelta(seconds=60)

    def __init__(self, name: str, settings: DeviceSilentSettings) -> None:
        self.name = name
        self.version = settings.version
        self._settings = settings

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`; of history only silences that began after `since` less `at_most` are known."""
        if since is not None:
            found = [one async for part in self.history(connection, since, now) for one in part.findings]
            return self._findings(found, since - self._settings.at_most, None)
        heard = await self._load(connection, "silent_devices", now)
        heard += await self._load(connection, "silent_devices_told", now)
        found = await self._grouped(connection, self._judge(heard, now))
        row = await (await connection.execute(_QUERIES["next_silent_device"], self._values(now))).fetchone()
        return self._findings(found, now - _NEVER, None if row is None else row[0], {one.key for one in heard})

    async def history(self, connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Findings]:
        """See `alerts.rules.Portioned`."""
        start = since - self._settings.at_most
        async for devices in device_portions(connection, since, until):
            heard = await self._load(connection, "device_gaps", until, start=start, **devices._asdict())
            found = [one for one in self._judge(heard, until) if one.ended is None or one.ended.at > since]
            yield self._findings(found, start, None)

    def _judge(self, heard: Sequence[Heard], now: datetime) -> list[Finding]:
        return list(silences(heard, now, kind=SubjectKind.DEVICE, code=self.code, severity=self._settings.severity))

    def _findings(
        self, found: list[Finding], start: datetime, next_due: datetime | None, subjects: set[str] | None = None
    ) -> Findings:
        names = frozenset(subjects or ()) | {one.subject for one in found}
        return Findings(self.name, self.version, tuple(found), names, start, explains_ends=True, next_due=next_due)

    async def _grouped(self, connection: Connection, found: list[Finding]) -> list[Finding]:
        cursor = await connection.execute(_QUERIES["silent_gateways"])
        silent = {row[0] for row in await cursor.fetchall()}
        if not silent or not found:
            return found
        subjects = [one.subject for one in found if one.ended is None]
        cursor = await connection.execute(_QUERIES["last_gateways"], (subjects,))
        heard_by: dict[str, list[str]] = dict(await cursor.fetchall())
        return list(behind_gateways(found, heard_by, silent))

    async def _load(self, connection: Connection, statement: str, now: datetime, **more: object) -> list[Heard]:
        cursor = await connection.execute(_QUERIES[statement], self._values(now) | more)
        return [Heard(*row) for row in await cursor.fetchall()]

    def _values(self, now: datetime) -> dict[str, object]:
        settings = self._settings
        return {
            "now": now,
            "rule": self.name,
            "intervals": settings.intervals,
            "at_least": settings.at_least,
            "at_most": settings.at_most,
            "unlearned": settings.unlearned,
            "new_for": _NEW,
            "give_up_at": now - settings.give_up_after,
            "sources": list(settings.sources) or None,
            "profiles": list(settings.profiles) or None,
        }
