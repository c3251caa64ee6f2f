"""A rule tried on stored history: what it would have raised, without changing anything.

History is judged a portion of subjects at a time, so that a year of a city fits in memory. Each subject is judged as a
whole, so portions say what one look at everything would. Rules that count in the database (gateways, refusals) look
once: counts are all that they hold.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from alerts.model import Findings
from alerts.rules import Portioned
from alerts.settings import AlertSettings
from alerts.turns import scheduled
from storage.database import Connection
from storage.statements import load

_QUERIES = load("alerts")


async def trial(
    connection: Connection, rule: str, settings: AlertSettings, *, since: datetime, until: datetime
) -> AsyncGenerator[Findings, None]:
    """Every episode between the two times, those that go on included, in a transaction that can write nothing."""
    hours, calendar = settings.rules[rule].hours, settings.policy().calendar
    async with connection.transaction(force_rollback=True):
        await connection.execute("SET TRANSACTION READ ONLY")
        await connection.execute(_QUERIES["allow_long_statements"])
        async with aclosing(_portions(connection, rule, settings, since, until)) as portions:
            async for findings in portions:
                yield scheduled(findings, hours, calendar, until)


async def _portions(
    connection: Connection, name: str, settings: AlertSettings, since: datetime, until: datetime
) -> AsyncGenerator[Findings, None]:
    rule = settings.make_past(name) if name in settings.with_past else settings.make_rule(name)
    if isinstance(rule, Portioned):
        async for findings in rule.history(connection, since, until):
            yield findings
    else:
        yield await rule.evaluate(connection, until, since=since)
