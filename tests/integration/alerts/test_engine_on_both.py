"""Engine and inbox say the same on TimescaleDB as on plain PostgreSQL: a city's days judged on both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from alerts.calendar import ALWAYS
from alerts.cases import act
from alerts.escalation import Patience, escalate
from alerts.learning import learn
from alerts.listing import listed
from alerts.notify import Channel
from alerts.policy import Policy
from alerts.reconcile import reconcile
from alerts.trial import trial
from alerts.wishes import Action, Outcome, Wish
from portal.inbox.entries import called_off, closed_cases, one_case, open_cases
from storage.database import Connection, Role
from tests.integration.alerts.engine_city import RULES, SETTINGS, SINCE, UNTIL, fill
from tests.integration.alerts.engine_store import NOW
from tests.integration.storage.conftest import plain_store, timescale_store
from tests.support.store import Store

HOUR = timedelta(hours=1)
POLICY = Policy(channels=(Channel("mail"), Channel("chief", escalation=True)))
MADE_BY_CHANCE = {
    "id",
    "alert_id",
    "number",
    "actor_salt",
    "actor_commitment",
    "previous_hash",
    "hash",
    "recorded_at",
    "event_id",
}
Told = Mapping[str, Sequence[object]]


@pytest.fixture(scope="module")
def cities(postgres, migrated_template) -> Iterator[tuple[Store, Store]]:
    with plain_store(postgres, migrated_template) as plain, timescale_store() as timescale:
        for store in (plain, timescale):
            fill(store)
            store.run(judge, role=Role.ALERTS)
            store.run(work, role=Role.PORTAL)
        yield plain, timescale


async def judge(connection: Connection) -> None:
    """What an engine does in some hours: learns, looks with every rule, escalates, works off what came late."""
    await learn(connection, NOW, since=timedelta(days=7))
    rules = [*SETTINGS.make_rules(), *map(SETTINGS.make_past, SETTINGS.with_past)]
    for now in (NOW - 40 * HOUR, NOW - 19.5 * HOUR, NOW - HOUR, NOW, NOW + 8 * HOUR):
        for rule in rules:
            async with connection.transaction():
                findings = await rule.evaluate(connection, now)
                await reconcile(connection, findings, now, policy=POLICY)
        await escalate(connection, {name: Patience(ALWAYS, HOUR) for name in RULES}, POLICY, now)


async def work(connection: Connection) -> None:
    """What an officer does with the cases."""
    for number, entry in enumerate(sorted(await open_cases(connection), key=lambda one: one.subject)):
        await act(connection, entry.number, Wish(action=Action.ACKNOWLEDGE, actor="demo"), now=NOW + 9 * HOUR)
        if number == 0:
            wish = Wish(action=Action.CLOSE, actor="demo", outcome=Outcome.KEIN_FAHRZEUG)
            await act(connection, entry.number, wish, now=NOW + 10 * HOUR)


def tables(store: Store) -> Told:
    """What is stored, in an order of its own."""
    alert = "SELECT * FROM alert ORDER BY rule, subject, occurrence"
    of_alert = "FROM {} AS n JOIN alert AS a ON a.id = n.alert_id ORDER BY a.rule, a.subject, a.occurrence, n.{}"
    return {
        "alert": store.execute(alert),
        "alert_event": store.execute("SELECT n.*, a.subject " + of_alert.format("alert_event", "position")),
        "notification": store.execute(
            "SELECT a.subject, n.channel, n.kind, n.state, n.due_at "
            + of_alert.format("notification", "channel, n.kind")
        ),
        "device_interval": store.execute("SELECT device_id, seconds, samples FROM device_interval ORDER BY device_id"),
        "late_reading": store.execute("SELECT kind FROM late_reading"),
    }


def pages(store: Store) -> Told:
    """What the inbox and the command line show."""

    async def look(connection: Connection) -> Told:
        later = NOW + 11 * HOUR
        opened = await open_cases(connection)
        closed = await closed_cases(connection, before=later, district="", limit=500)
        single = [await one_case(connection, one.number) for one in (*opened, *closed)]
        entries = {"open": opened, "closed": closed, "called_off": await called_off(connection, later)}
        entries["single"] = [one for one in single if one is not None]
        return {name: [replace(one, number="") for one in found] for name, found in entries.items()}

    async def listing(connection: Connection) -> Sequence[object]:
        return [replace(one, number="") for one in await listed(connection, ended=True, limit=1000)]

    return {**store.run(look, role=Role.PORTAL), "listed": store.run(listing, role=Role.ALERTS)}


def history(store: Store) -> Told:
    """What every rule would have raised."""

    async def ask(connection: Connection, rule: str) -> Sequence[object]:
        told = trial(connection, rule, SETTINGS, since=SINCE, until=UNTIL)
        return [one async for part in told for one in part.findings]

    return {rule: store.run(partial(ask, rule=rule), role=Role.ALERTS) for rule in RULES}


@pytest.mark.parametrize("view", [tables, pages, history])
def test_both_databases_say_the_same(cities: tuple[Store, Store], view) -> None:
    plain, timescale = map(view, cities)
    for name, rows in plain.items():
        assert _comparable(rows) == _comparable(timescale[name]), name
    empty = {name for name, rows in plain.items() if not rows}
    assert empty <= {"late_reading", "called_off"}, "what is empty compares nothing"


def test_every_rule_raised_something(cities: tuple[Store, Store]) -> None:
    rules = {row["rule"] for row in tables(cities[0])["alert"]}
    assert rules == set(RULES)


def _comparable(rows: Sequence[object]) -> list[str]:
    """Rows without what chance or the order of writing made."""
    return sorted(repr(_kept(row) if isinstance(row, dict) else row) for row in rows)


def _kept(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Details of events have the number of their case, too."""
    kept = {key: value for key, value in row.items() if key not in MADE_BY_CHANCE}
    return sorted((key, _kept(value) if isinstance(value, dict) else value) for key, value in kept.items())
