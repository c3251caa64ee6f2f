"""Asking an operator: reconciliation of what pushes missed, full pulls, asking again before an alert, failures."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.metrics import ChargingMetrics
from alerts.charging.sources import ChargingSources
from alerts.charging.status import EvseState
from alerts.charging.store import record_contact
from stadtfunk.demo.cpo import Cpo, location
from storage.database import Role, connect

pytestmark = pytest.mark.anyio

KEY = "DEMZXELS011"
WAIT_SECONDS = 10.0


class Asked:
    """The sources of the stage, and their metrics."""

    def __init__(self, on, database_settings):
        self.registry = CollectorRegistry()
        self.now = datetime.now(UTC)
        connector = partial(connect, database_settings, role=Role.ALERTS)
        self.sources = ChargingSources(on.settings, connector, ChargingMetrics(self.registry), clock=self.clock)
        [self.operator] = self.sources._polled.values()

    def clock(self):
        return self.now

    def errors(self, kind):
        labels = {"source": "stadtwerke", "kind": kind}
        return self.registry.get_sample_value("stadtfunk_charging_errors_total", labels) or 0


@pytest.fixture
async def asked_by(database_settings):
    made = []

    def make(on):
        made.append(Asked(on, database_settings))
        return made[-1]

    yield make
    for one in made:
        await one.sources.close()


async def test_the_first_poll_registers_and_takes_everything_in_pages(make_stage, asked_by):
    async with make_stage(cpo=Cpo(page_size=2)) as on:
        on.cpo.add([location(f"P{number}", [f"DE*MZX*EP{number}*1"]) for number in range(5)])
        asked = asked_by(on)
        await asked.operator.poll()
        assert len(await on.statuses()) == 8
        lists = [path for method, path in on.cpo.requests if path.endswith("/locations")]
        assert len(lists) == 4
        assert await on.contacts() == 1
        assert on.cpo.violations == []


async def test_a_poll_brings_what_a_dropped_push_did_not(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        on.cpo.faults.drop_pushes = True
        at = datetime.now(UTC)
        await on.cpo.change("LS01-1", "CHARGING", at)
        asked.now = at + timedelta(minutes=5)
        await asked.operator.poll()
        assert (await on.statuses())[-1] == (KEY, "IN_USE", "CHARGING", "stadtwerke")
        cursor = await on.connection.execute("SELECT at FROM evse_status ORDER BY id DESC LIMIT 1")
        [(stored,)] = await cursor.fetchall()
        assert abs(stored - at) < timedelta(milliseconds=1), "at the operator's time"


async def test_a_missed_push_is_found_although_its_location_pushed_later(make_stage, asked_by):
    """The neighbour's push moved the whole location forward; each EVSE still obeys its own time."""
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        at = datetime.now(UTC)
        await on.cpo.push("PUT", ("LS01",))
        on.cpo.faults.drop_pushes = True
        await on.cpo.change("LS01-1", "CHARGING", at)
        on.cpo.faults.drop_pushes = False
        await on.cpo.change("LS01-2", "CHARGING", at + timedelta(seconds=30))
        on.cpo.locations["LS01"]["last_updated"] = on.cpo.locations["LS01"]["evses"][0]["last_updated"]
        asked.now = at + timedelta(minutes=5)
        await asked.operator.poll()
        assert {row[:2] for row in await on.statuses()} >= {(KEY, "IN_USE"), ("DEMZXELS012", "IN_USE")}


async def test_polls_ask_from_a_minute_before_the_last_one(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        first = asked.now
        asked.now += timedelta(minutes=5)
        on.cpo.set_status("LS01-1", "CHARGING", first - timedelta(seconds=59))
        on.cpo.set_status("LS02-1", "CHARGING", first - timedelta(seconds=61))
        await asked.operator.poll()
        assert [row[0] for row in await on.statuses() if row[1] == "IN_USE"] == [KEY]


async def test_once_a_night_everything_is_asked_for(make_stage, asked_by):
    async with make_stage(full_at_hour=3) as on:
        asked = asked_by(on)
        today = datetime.now(UTC).date()
        asked.now = datetime.combine(today + timedelta(days=2), time(22), tzinfo=UTC)
        await asked.operator.poll()
        on.cpo.set_status("LS02-1", "CHARGING", asked.now - timedelta(hours=5))
        asked.now += timedelta(hours=1)
        await asked.operator.poll()
        assert not [row for row in await on.statuses() if row[1] == "IN_USE"], "an incremental poll does not see it"
        asked.now += timedelta(hours=3, minutes=45)  # 3:45 or 4:45 in Mainz
        await asked.operator.poll()
        assert [row[0] for row in await on.statuses() if row[1] == "IN_USE"] == ["DEMZXELS021"]


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, "2026-11-24T12:00Z", True),
        ("2026-11-24T12:00Z", "2026-11-25T01:59Z", False),
        ("2026-11-24T12:00Z", "2026-11-25T02:31Z", True),
        ("2026-11-25T02:31Z", "2026-11-25T23:59Z", False),
        ("2026-11-20T12:00Z", "2026-11-25T12:00Z", True),
        ("2026-07-24T12:00Z", "2026-07-25T01:31Z", True),  # summer time
    ],
)
async def test_when_a_full_pull_is_due(make_stage, asked_by, last, now, due):
    async with make_stage(full_at_hour=3) as on:
        before = None if last is None else datetime.fromisoformat(last)
        assert asked_by(on).operator.full_is_due(before, datetime.fromisoformat(now)) is due


async def test_objects_that_cannot_be_read_do_not_hurt_the_others(make_stage, asked_by):
    async with make_stage() as on:
        on.cpo.faults.broken = [7, {}, {"id": "X", "country_code": "DE"}, None]
        asked = asked_by(on)
        await asked.operator.poll()
        assert len(await on.statuses()) == 3
        assert asked.errors("object") == 4


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 500}, "server"),
        ({"status": 404}, "refused"),
        ({"code": 3000}, "status_code"),
        ({"slow_seconds": 2.0}, "timeout"),
    ],
)
async def test_a_poll_that_fails_proves_nothing(make_stage, asked_by, fault, kind):
    async with make_stage(timeout_seconds=1) as on:
        asked = asked_by(on)
        await asked.operator.poll()
        before, state = await on.contacts(), await on.state()
        asked.now += timedelta(minutes=5)
        for name, value in fault.items():
            setattr(on.cpo.faults, name, value)
        with pytest.raises(SourceError) as failed:
            await asked.operator.poll()
        assert failed.value.kind is ErrorKind(kind)
        assert await on.contacts() == before
        assert await on.state() == state, "the next poll asks from where the last good one began"


async def test_a_token_that_the_operator_forgot_is_told(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        on.cpo.issued = "another"
        with pytest.raises(SourceError) as failed:
            await asked.operator.poll()
        assert failed.value.kind is ErrorKind.UNAUTHORISED


async def test_an_answer_that_leads_to_another_host_is_not_followed(make_stage, asked_by):
    async with make_stage(cpo=Cpo(page_size=1)) as on:
        asked = asked_by(on)
        base = on.cpo.base_url
        await asked.operator.poll()
        on.cpo.base_url = base.replace("127.0.0.1", "localhost")  # now the next page is said to be there
        on.cpo.set_status("LS01-1", "CHARGING", asked.now)
        on.cpo.set_status("LS02-1", "CHARGING", asked.now)
        with pytest.raises(SourceError) as failed:
            await asked.operator.poll()
        assert failed.value.kind is ErrorKind.FORBIDDEN


async def test_private_addresses_need_the_configurations_word(make_stage, asked_by):
    async with make_stage(allow_hosts=[]) as on:
        with pytest.raises(SourceError) as failed:
            await asked_by(on).operator.poll()
        assert failed.value.kind is ErrorKind.FORBIDDEN
        assert on.cpo.requests == []


async def test_asking_again_confirms(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        event = await asked.sources.recheck(KEY)
        assert (event.status, event.source, event.raw_status) == (EvseState.IDLE, "recheck", "AVAILABLE")
        assert (await on.statuses())[-1] == (KEY, "IDLE", "AVAILABLE", "recheck")
        assert on.cpo.violations == []


async def test_asking_again_finds_the_session_whose_push_was_lost(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        at = asked.now + timedelta(minutes=3)
        on.cpo.set_status("LS01-1", "CHARGING", at)
        asked.now += timedelta(minutes=11)
        event = await asked.sources.recheck(KEY)
        assert (event.status, event.at) == (EvseState.IN_USE, at), "since when it was true, not since we asked"


@pytest.mark.parametrize("fault", [{"status": 500}, {"slow_seconds": 2.0}, {"code": 3000}])
async def test_an_operator_that_cannot_be_asked_gives_unknown_until_it_answers(make_stage, asked_by, fault):
    async with make_stage(timeout_seconds=1) as on:
        asked = asked_by(on)
        await asked.operator.poll()
        asked.now += timedelta(minutes=11)
        for name, value in fault.items():
            setattr(on.cpo.faults, name, value)
        event = await asked.sources.recheck(KEY)
        assert (event.status, event.at) == (EvseState.UNKNOWN, asked.now)
        assert (await on.statuses())[-1][1:] == ("UNKNOWN", "", "recheck")
        for name in fault:
            setattr(on.cpo.faults, name, 0)
        asked.now += timedelta(minutes=1)
        await asked.operator.poll()
        cursor = await on.connection.execute("SELECT status, at FROM evse_status ORDER BY id DESC LIMIT 1")
        assert await cursor.fetchone() == ("IDLE", asked.now), "known again from now on, though nothing changed there"


async def test_what_nobody_can_ask_is_none(make_stage, asked_by):
    async with make_stage() as on:
        assert await asked_by(on).sources.recheck("NOBODY") is None


async def test_contacts_a_minute_apart_are_one_span_and_others_are_not(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        start = asked.now
        for seconds in (0, 60, 120, 420):
            asked.now = start + timedelta(seconds=seconds)
            await asked.operator.poll()
        cursor = await on.connection.execute("SELECT first_at, last_at FROM evse_contact ORDER BY first_at")
        spans = [tuple((at - start).total_seconds() for at in row) for row in await cursor.fetchall()]
        assert spans == [(0, 120), (420, 420)]
        await record_contact(on.connection, "stadtwerke", start)
        assert await on.contacts() == 2


async def test_an_operator_that_registers_with_us_is_polled_once_it_has(make_stage, asked_by):
    async with make_stage(token_file=None) as on:
        asked = asked_by(on)
        with pytest.raises(SourceError) as failed:
            await asked.operator.poll()
        assert failed.value.kind is ErrorKind.HANDSHAKE
        await on.cpo.register_with(on.versions_url, "registration-token-of-the-city")
        await asked.operator.poll()
        assert len(await on.statuses()) == 3


async def test_tokens_are_renewed_after_a_month(make_stage, asked_by):
    async with make_stage() as on:
        asked = asked_by(on)
        await asked.operator.poll()
        before = on.cpo.issued
        asked.now += timedelta(days=31)
        await asked.operator.poll()
        assert on.cpo.issued != before


async def test_sources_run_by_themselves_and_recover(make_stage, database_settings):
    async with make_stage(poll_seconds=1) as on:
        registry = CollectorRegistry()
        connector = partial(connect, database_settings, role=Role.ALERTS)
        sources = ChargingSources(on.settings, connector, ChargingMetrics(registry))
        running = asyncio.create_task(sources.run())
        try:
            await eventually(lambda: sources.health()[0].last_contact_at is not None)
            on.cpo.faults.status = 500
            await eventually(lambda: sources.health()[0].problem == "HTTP status 500")
            on.cpo.faults.status = 0
            await on.cpo.change("LS01-1", "CHARGING")
            await eventually(lambda: sources.health()[0].problem == "")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        labels = {"source": "stadtwerke"}
        assert registry.get_sample_value("stadtfunk_charging_contacts_total", labels) >= 2
        assert registry.get_sample_value("stadtfunk_charging_errors_total", {**labels, "kind": "server"}) >= 1


async def test_of_two_processes_one_asks(make_stage, database_settings):
    async with make_stage(poll_seconds=1) as on:
        connector = partial(connect, database_settings, role=Role.ALERTS)
        both = [ChargingSources(on.settings, connector, ChargingMetrics(CollectorRegistry())) for _ in range(2)]
        running = [asyncio.create_task(one.run()) for one in both]

        def asking():
            return [one for one in both if one.health()[0].last_contact_at is not None]

        try:
            await eventually(asking)
            [active] = asking()
            contacts = on.cpo.requests.count(("GET", "/ocpi/2.2.1/locations"))
            await eventually(lambda: on.cpo.requests.count(("GET", "/ocpi/2.2.1/locations")) > contacts)
            assert asking() == [active]
            running[both.index(active)].cancel()
            await eventually(lambda: len(asking()) == 2)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def eventually(condition):
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)
