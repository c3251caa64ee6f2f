"""A case that a contact proves: the engine is called when the contact is committed, and opens it there and then."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from alerts.charging.status import EvseState, StatusEvent
from alerts.charging.store import record_contact, record_statuses
from alerts.engine import Engine
from alerts.metrics import EngineMetrics
from alerts.rules.wrong_parking import WrongParking
from alerts.settings import AlertSettings
from storage.database import Connection, Role, connect
from tests.integration.parking import street as streets
from tests.integration.parking.street import Street, at
from tests.integration.storage.conftest import plain_store

WAIT = 30.0
RULES = {"rules": {"wrong_parking": {"kind": "wrong_parking"}}}


@pytest.fixture(scope="module")
def migrated(postgres, migrated_template):
    with plain_store(postgres, migrated_template) as store:
        yield store


@pytest.fixture
def polled(street: Street) -> Street:
    """A car arrives at noon; its charge point is idle, and was polled at noon for the last time."""
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.bay("LS02-1", station="LS02", evses=["E2"])
    street.sees(device, -60, False, heartbeat=True)
    street.point("E1", -120, EvseState.IDLE)
    street.point("E2", -120, EvseState.IDLE, source="other")
    street.linked(-120, 0)
    street.sees(device, 0, True)
    return street


def rule() -> WrongParking:
    made = AlertSettings.model_validate(RULES).make_rule("wrong_parking")
    assert isinstance(made, WrongParking)
    return made


def test_a_contact_is_looked_at_by_the_bays_that_wait_for_it(polled: Street) -> None:
    looking = rule()
    assert "evse_contact" in looking.wakes
    polled.evaluate(looking, 5)
    polled.linked(5, 5)
    assert polled.evaluate(looking, 5.01).subjects == set(), "it proves nothing yet: the grace lasts until 12:10"
    for minute in (10, 11, 11.6, 12):
        assert polled.evaluate(looking, minute).findings == ()
    polled.linked(12, 12, source="other")
    assert polled.evaluate(looking, 12.005).subjects == set(), "somebody else's contact"
    polled.linked(12, 12)
    [found] = polled.evaluate(looking, 12.01).findings
    assert found.due_at == at(10)
    assert polled.evaluate(looking, 12.02).subjects == set(), "once for each contact"


async def test_a_contact_wakes_the_engine(migrated, street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule's timers are years away: only the contact can call it."""
    began = datetime.now(UTC) - timedelta(minutes=14)
    monkeypatch.setattr(streets, "NOON", began)
    monkeypatch.setattr(WrongParking, "_note", _without_timers(WrongParking._note))
    monkeypatch.setattr("alerts.turns.LONGEST", timedelta(hours=1))
    await asyncio.to_thread(_arrive, street)
    registry = CollectorRegistry()
    connector = partial(connect, migrated.settings, role=Role.ALERTS)
    engine = Engine(AlertSettings.model_validate(RULES), connector, EngineMetrics(registry))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        looks = partial(registry.get_sample_value, "stadtfunk_alert_rule_seconds_count", {"rule": "wrong_parking"})
        async with asyncio.timeout(WAIT):
            while not engine.active or not looks():
                await asyncio.sleep(0.05)
        assert await _alerts(migrated.settings) == 0
        async with await connector() as connection:
            await record_contact(connection, "cpo", began + timedelta(minutes=12))
        async with asyncio.timeout(WAIT):
            while not await _alerts(migrated.settings):
                await asyncio.sleep(0.05)
        running.cancel()
    assert registry.get_sample_value("stadtfunk_alert_latency_seconds_count") == 1


def _without_timers(note):
    def noted(self: WrongParking, story, now: datetime) -> None:
        note(self, story, now)
        self._due = {}

    return noted


def _arrive(street: Street) -> None:
    device = street.bay("LS01-1", station="LS01", evses=["E1"])
    street.sees(device, -60, False, heartbeat=True)
    street.store.run(_statuses)
    street.linked(-10, 0)
    street.sees(device, 0, True)


async def _statuses(connection: Connection) -> None:
    await record_statuses(connection, [StatusEvent("E1", at(-120), at(-120), "cpo", EvseState.IDLE)])


async def _alerts(settings) -> int:
    async with await connect(settings) as connection:
        return (await (await connection.execute("SELECT count(*) FROM alert")).fetchone())[0]
