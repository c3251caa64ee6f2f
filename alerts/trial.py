"""A rule tried on stored history: what it would have raised, without changing anything."""

from datetime import datetime

from alerts.model import Findings
from alerts.rules import Rule
from alerts.settings import AlertSettings
from alerts.turns import scheduled
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")


async def trial(
    connection: Connection, rule: Rule, settings: AlertSettings, *, since: datetime, until: datetime
) -> Findings:
    """Every episode between the two times, those that go on included, in a transaction that can write nothing."""
    hours = settings.rules[rule.name].hours
    async with connection.transaction(force_rollback=True):
        await connection.execute("SET TRANSACTION READ ONLY")
        await connection.execute(_QUERIES["allow_long_statements"])
        findings = await rule.evaluate(connection, until, since=since)
    return scheduled(findings, hours, settings.policy().calendar, until)
