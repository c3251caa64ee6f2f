"""Rule `gateway_silent`: a gateway was not heard, neither with statistics nor with uplinks."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from alerts.durations import Duration
from alerts.grouping import gateway_group
from alerts.model import Finding, Findings, Severity, SubjectKind
from alerts.rules.quiet import Heard, silences
from alerts.rules.settings import GradedSettings
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alert_rules")
_NEVER = timedelta(days=36500)


class GatewaySilentSettings(GradedSettings):
    """When a gateway counts as silent."""

    kind: Literal["gateway_silent"] = Field(description="`gateway_silent`: a gateway was not heard for too long")
    severity: Severity = Field(default=Severity.CRITICAL, description="how urgent its alerts are")
    after: Duration = Field(default=timedelta(minutes=15), description="silent after this time")
    give_up_after: Duration = Field(
        default=timedelta(days=90), description="no new alert about gateways that were not heard for so long"
    )
    gateways: tuple[str, ...] = Field(default=(), description="only these gateway ids; default: all")


class GatewaySilent:
    """The rule; its alert is the head of the group of devices that only this gateway hears."""

    code = "GATEWAY_SILENT"
    wakes: frozenset[str] = frozenset()
    pace = timedelta(seconds=30)

    def __init__(self, name: str, settings: GatewaySilentSettings) -> None:
        self.name = name
        self.version = settings.version
        self._settings = settings

    async def evaluate(self, connection: Connection, now: datetime, *, since: datetime | None = None) -> Findings:
        """See `Rule`; history is that of the gateways' statistics."""
        start = now - _NEVER if since is None else since - self._settings.after
        if since is None:
            heard = await self._load(connection, "silent_gateways_now", now, start)
            heard += await self._load(connection, "silent_gateways_told", now, start)
        else:
            heard = await self._load(connection, "gateway_gaps", now, start)
        found = self._judge(heard, now)
        if since is not None:
            found = [one for one in found if one.ended is None or one.ended.at > since]
        row = await (await connection.execute(_QUERIES["next_silent_gateway"], self._values(now, start))).fetchone()
        names = frozenset(one.key for one in heard)
        next_due = None if row is None else row[0]
        return Findings(self.name, self.version, tuple(found), names, start, explains_ends=True, next_due=next_due)

    def _judge(self, heard: Iterable[Heard], now: datetime) -> list[Finding]:
        found = silences(heard, now, kind=SubjectKind.GATEWAY, code=self.code, severity=self._settings.severity)
        return [replace(one, group=gateway_group(one.subject)) for one in found]

    async def _load(self, connection: Connection, statement: str, now: datetime, start: datetime) -> list[Heard]:
        cursor = await connection.execute(_QUERIES[statement], self._values(now, start))
        limit = self._settings.after
        return [Heard(key, name, at, limit, next_at) for key, name, at, next_at in await cursor.fetchall()]

    def _values(self, now: datetime, start: datetime) -> dict[str, object]:
        return {
            "now": now,
            "start": start,
            "rule": self.name,
            "after": self._settings.after,
            "give_up_at": now - self._settings.give_up_after,
            "gateways": list(self._settings.gateways) or None,
        }
