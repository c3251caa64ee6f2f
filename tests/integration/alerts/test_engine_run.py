"""The running engine: woken by data, one active, a database that goes away, rules with mistakes, other settings."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import ClassVar

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from alerts import engine as module
from alerts.engine import Engine
from alerts.metrics import EngineMetrics
from alerts.model import Findings
from alerts.rules.settings import RuleSettings
from alerts.settings import AlertSettings
from decoders.readings import TreeMoisture
from storage.database import Role, connect
from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.integration.alerts.engine_store import finding, kinds
from tests.support.postgres import private_server
from tests.support.store import Store

WAIT = 20.0
FROST = {"kind": "threshold", "reading": "tree_moisture", "quantity": "soil_temperature", "below": 0, "clear": 2}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(module, "STAND_BY_SECONDS", 0.1)
    monkeypatch.setattr(module, "HOUSEKEEPING", timedelta(seconds=0.2))
    monkeypatch.setattr("alerts.rules.threshold.Threshold.pace", timedelta(seconds=0.1))


class Beside(Store):
    """A store that can be asked from inside a running event loop."""

    def run(self, scenario, *, role=None):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(super().run, scenario, role=role).result()


@pytest.fixture
def store(database_settings: DatabaseSettings) -> Store:
    return Beside(database_settings, timescale=False)


def settings(**rules) -> AlertSettings:
    return AlertSettings.model_validate({"rules": rules})


def engine(where: DatabaseSettings, given: AlertSettings, registry: CollectorRegistry | None = None) -> Engine:
    connector = partial(connect, where, role=Role.ALERTS)
    return Engine(given, connector, EngineMetrics(registry or CollectorRegistry()))


@asynccontextmanager
async def running(*engines: Engine):
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(one.run()) for one in engines]
        yield started
        for task in started:
            task.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.02)


@pytest.fixture
def answers(monkeypatch):
    """Notes what a function that the engine calls has answered, so that a test knows how often it looked."""

    def noted(name: str) -> list[object]:
        asked, found = getattr(module, name), []

        async def ask(*arguments, **options):
            found.append(await asked(*arguments, **options))
            return found[-1]

        monkeypatch.setattr(module, name, ask)
        return found

    return noted


def states(store: Store) -> list[str]:
    return [row["state"] for row in store.execute("SELECT state FROM alert ORDER BY id")]


async def measure(store: Store, device: str, value: float) -> None:
    """A reading, stored and told as the writer does."""
    await asyncio.to_thread(measure_now, store, device, value)


def measure_now(store: Store, device: str, value: float) -> None:
    async def write(connection):
        await connection.execute("SELECT pg_notify('stadtfunk_readings', 'parking_bay,tree_moisture')")

    from tests.support.store import _add

    reading = TreeMoisture(device=device, observed_at=datetime.now(UTC), soil_temperature=value)

    async def both(connection):
        async with connection.transaction():
            await _add(connection, TreeMoisture, [reading])
            await write(connection)

    store.run(both)


async def test_data_wake_the_engine_and_a_case_goes_through_its_life(store, database_settings):
    registry = CollectorRegistry()
    async with running(engine(database_settings, settings(frost=FROST), registry)):
        await measure(store, "a1", -3.0)
        await until(lambda: states(store) == ["open"])
        await measure(store, "a1", 5.0)
        await until(lambda: states(store) == ["resolved"])
        await until(lambda: registry.get_sample_value("stadtfunk_alert_engine_active") == 1)
    assert kinds(store) == ["opened", "resolved"]
    assert registry.get_sample_value("stadtfunk_alert_latency_seconds_count") == 1
    assert registry.get_sample_value("stadtfunk_alert_steps_total", {"rule": "frost", "step": "open"}) == 1


async def test_one_engine_is_active_and_another_takes_over(store, database_settings, answers):
    tries = answers("try_lock")
    first = engine(database_settings, settings(frost=FROST))
    second = engine(database_settings, settings(frost=FROST))
    async with running(first, second) as tasks:
        await until(lambda: first.active != second.active)
        holder, task = (first, tasks[0]) if first.active else (second, tasks[1])
        other = second if holder is first else first
        await until(lambda: tries.count(False) >= 5)
        assert holder.active
        assert not other.active
        task.cancel()
        await until(lambda: other.active)
        await measure(store, "a1", -3.0)
        await until(lambda: states(store) == ["open"])


async def test_the_engine_whose_session_is_killed_writes_no_more(store, database_settings):
    one = engine(database_settings, settings(frost=FROST))
    async with running(one):
        await until(lambda: one.active)
        for _ in range(3):
            store.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await until(lambda: one.active)
        await measure(store, "a1", -3.0)
        await until(lambda: states(store) == ["open"])
    assert kinds(store) == ["opened"]


async def test_a_database_that_restarts_costs_no_alert():
    with private_server(durable=False) as server:
        where = DatabaseSettings(dsn=server.create_database("city"))
        await migrate(where)
        store = Beside(where, timescale=False)
        one = engine(where, settings(frost=FROST))
        async with running(one):
            await until(lambda: one.active)
            await asyncio.to_thread(server.stop_immediate)
            await until(lambda: not one.active and bool(one.detail))
            await asyncio.to_thread(server.start)
            await measure(store, "a1", -3.0)
            await until(lambda: states(store) == ["open"])
            assert one.detail == ""


class Faulty:
    """A rule with a mistake in its first evaluations."""

    version = "1"
    wakes: frozenset[str] = frozenset()
    pace = timedelta(0)
    errors: ClassVar[list[Exception]] = []

    def __init__(self, name: str, settings: RuleSettings, surroundings: object) -> None:
        self.name = name

    async def evaluate(self, connection, now, *, since=None) -> Findings:
        if self.errors:
            raise self.errors.pop()
        await connection.execute("SELECT 1")
        one = finding("x", since=now - timedelta(seconds=1), occurrence="1")
        return Findings(self.name, "1", (replace(one, due_at=now),), frozenset({"x"}), now - timedelta(days=1))


async def test_a_rule_with_a_mistake_costs_the_others_nothing(store, database_settings, monkeypatch):
    from alerts.rules import registry
    from alerts.rules.gateway_silent import GatewaySilentSettings

    monkeypatch.setattr("alerts.turns.AFTER_FAILURE", timedelta(seconds=0.5))
    kinds = dict(registry.KINDS) | {"gateway_silent": registry.Kind(GatewaySilentSettings, Faulty)}
    monkeypatch.setattr(registry, "KINDS", kinds)
    Faulty.errors = [psycopg.errors.UndefinedColumn("no such column"), KeyError("bay")]
    metrics = CollectorRegistry()
    given = settings(frost=FROST, faulty={"kind": "gateway_silent"})
    async with running(engine(database_settings, given, metrics)):
        await measure(store, "a1", -3.0)
        await until(lambda: states(store)[:1] == ["open"])
        await until(lambda: len(states(store)) == 2)
    assert metrics.get_sample_value("stadtfunk_alert_rule_failures_total", {"rule": "faulty"}) == 2


async def test_other_settings_are_taken_over_and_a_rule_that_is_gone_resolves_its_alerts(store, database_settings):
    one = engine(database_settings, settings(frost=FROST))
    async with running(one):
        await measure(store, "a1", -3.0)
        await until(lambda: states(store) == ["open"])
        one.use(settings(cold=FROST | {"below": -2}))
        await until(lambda: states(store) == ["resolved", "open"])
    rows = store.execute("SELECT rule, reason FROM alert ORDER BY id")
    assert [(row["rule"], row["reason"]) for row in rows] == [("frost", "rule_removed"), ("cold", "")]


async def test_nobody_acknowledges_in_time(store, database_settings, answers):
    looks = answers("escalate")
    given = AlertSettings.model_validate({"rules": {"frost": FROST | {"escalate_after": "1s"}}})
    async with running(engine(database_settings, given)):
        await measure(store, "a1", -3.0)
        await until(lambda: "escalated" in kinds(store))
        told = len(looks)
        await until(lambda: len(looks) >= told + 3)
    assert kinds(store) == ["opened", "escalated"]


async def test_a_late_shuffled_file_moves_no_alert_backward(store, database_settings):
    """Row 29 of the faults: seven days late, in any order; row 28: each of them three times."""
    import random

    from tests.support.store import _add

    now = datetime.now(UTC)
    old = [
        TreeMoisture(device="a1", observed_at=now - timedelta(days=7, minutes=10 * n), soil_temperature=-5.0 + n % 9)
        for n in range(60)
    ]
    async with running(engine(database_settings, settings(frost=FROST))):
        await measure(store, "a1", -3.0)
        await until(lambda: states(store) == ["open"])
        random.Random(7).shuffle(old)

        async def write(connection):
            for _ in range(3):
                async with connection.transaction():
                    await _add(connection, TreeMoisture, old)
                    await connection.execute("SELECT pg_notify('stadtfunk_readings', 'tree_moisture')")

        await asyncio.to_thread(store.run, write)
        await measure(store, "b2", -3.0)
        await until(lambda: len(states(store)) == 2)
    assert kinds(store) == ["opened", "opened"]
