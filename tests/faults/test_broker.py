"""Rows 5-8, 10, 21 and 22: the broker restarts, crashes, forgets, is away, denies, overflows, and drops QoS 0."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time

import pytest

from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import DEFAULT_TOPICS
from tests.faults.stage import Size, Stage
from tests.integration.mqtt.test_security import DynamicSecurity
from tests.support.mosquitto import Mosquitto, mosquitto_program

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]

DEVICES = 10
COUNTED = {"devices": DEVICES, "poison_share": 0}
"""Traffic of so few devices that each one's frame counter soon tells what is missing."""
NO_CANARY = {"canary": {"enabled": False}}
"""So that packet ids are the messages' own: 1, 2, 3 on every connection that finds no session."""
PATIENT_DATABASE = {"timeouts": {"lock": 60, "statement": 60, "idle_in_transaction": 60, "outer": 60}}


async def reconnected(on: Stage, reconnects: float) -> float:
    """Wait until the service is ready after its `reconnects`th reconnect; returns the seconds."""
    started = monotonic()
    while (await on.service.metrics())["source_reconnects_total"] < reconnects:
        assert monotonic() - started < 60, on.service.log()[-2000:]
        await asyncio.sleep(0.02)
    await on.service.ready()
    return monotonic() - started


@pytest.mark.parametrize("transport", ["mqtt5", "paho"])
async def test_row_5_orderly_restart_of_the_broker(stage: MakeStage, transport: str) -> None:
    async with stage(source={"transport": transport}) as on:
        async with on.sending(200):
            for restart in on.size.times(2, 10):
                await on.random_while(0.5, 1.5)
                await asyncio.to_thread(on.broker.restart)
                seconds = await reconnected(on, restart + 1)
                on.measure("5", f"reconnected after a broker restart, {transport}, seconds", seconds, "<= 5")
                assert seconds <= on.size.limit(5)
        assert (await on.service.metrics())["source_sessions_lost_total"] == 0
        await on.settle()


async def test_row_6_crash_of_a_broker_that_saves(stage: MakeStage) -> None:
    """Session and queue are saved every second; what the broker takes with it is counted frame by frame."""
    async with stage(broker={"autosave_interval": 1}, traffic=COUNTED) as on:
        await saved(on)
        kills = on.size.times(2, 5)
        async with on.sending(400):
            for kill in kills:
                await on.random_while(on.size.pick(1, 3), on.size.pick(2, 6))
                on.broker.kill()
                on.broker.start()
                await recovered_from_crash(on, kill + 1)
        await all_devices_speak(on)
        allowed = len(on.acknowledged) // 1000 if on.size.long else 3 * len(kills)
        account = await on.settle(lost=allowed)
        on.measure("6", f"lost of {account.acknowledged}, broker saves, kill -9", len(account.lost), "<= 0.1 %")
        metrics = await on.service.metrics()
        assert metrics["source_sessions_lost_total"] == 0
        assert metrics["missing_frames_total"] == len(account.lost)


async def test_row_6_crash_of_a_broker_that_forgets(stage: MakeStage) -> None:
    """Every crash costs the session; while we are not subscribed, the network server does not publish either."""
    async with stage(traffic=COUNTED) as on:
        kills = on.size.times(2, 5)
        async with on.sending(400) as sender:
            for kill in kills:
                await on.random_while(on.size.pick(1, 3), on.size.pick(2, 6))
                on.broker.kill()
                sender.hold()
                on.broker.start()
                await recovered_from_crash(on, kill + 1)
                sender.go_on()
                metrics = await on.service.metrics()
                assert metrics["source_sessions_lost_total"] == kill + 1
                assert metrics["source_lossy"] == 1, "a lost session raises an alarm"
        await all_devices_speak(on)
        allowed = len(on.acknowledged) // 1000 if on.size.long else 3 * len(kills)
        account = await on.settle(lost=allowed)
        on.measure("6", f"lost of {account.acknowledged}, broker forgets, kill -9", len(account.lost), "<= 0.1 %")
        assert (await on.service.metrics())["missing_frames_total"] == len(account.lost)


async def recovered_from_crash(on: Stage, reconnects: int) -> None:
    seconds = await reconnected(on, reconnects)
    on.measure("6", "ready after a broker crash, seconds", seconds, "<= 10")
    assert seconds <= on.size.limit(10)


async def saved(on: Stage) -> None:
    """Wait until the broker has saved what it holds now."""
    store = on.broker.directory / "mosquitto.db"
    now = time()
    await on.until(lambda: store.exists() and store.stat().st_mtime > now + 1)


async def all_devices_speak(on: Stage) -> None:
    """One frame of each device: so the counters tell what is missing before it."""
    await on.publish(on.traffic.take(DEVICES))


async def test_row_6_crash_of_the_broker_with_messages_queued_and_saved(stage: MakeStage) -> None:
    async with stage(broker={"autosave_interval": 1}) as on:
        await on.queue([on.traffic.good() for _ in range(500)])
        await saved(on)
        on.broker.kill()
        on.broker.start()
        await on.restart()
        await on.settle()


async def test_row_6_crash_of_the_broker_with_messages_queued_and_never_saved(stage: MakeStage) -> None:
    """What the broker loses is not ours to save, but to count: each device's frames that never came."""
    async with stage(traffic=COUNTED) as on:
        await all_devices_speak(on)
        await on.drained()
        await on.queue(on.traffic.take(500))
        on.broker.kill()
        on.broker.start()
        await on.restart()
        await all_devices_speak(on)
        account = await on.settle(lost=500)
        assert len(account.lost) == 500
        assert (await on.service.metrics())["missing_frames_total"] == 500


async def test_row_7_acks_never_cross_connections(stage: MakeStage) -> None:
    """The broker forgets us while a batch waits for a lock, and gives the same packet ids to new messages.

    The service dies between the commit of the old batch and that of the new one: had it acknowledged the old ids on
    the new connection, the broker would have dropped the new messages.
    """
    on = stage(broker={"persistence": False}, source=NO_CANARY, settings={"database": PATIENT_DATABASE}, start=False)
    async with on:
        on.service.start(fault="before_commit:2")
        await on.service.ready()
        with on.server.locked_table(on.database, "uplink"):
            await on.publish([on.traffic.good()])
            await received(on, 1)
            on.broker.kill()
            on.broker.start()
            await reconnected(on, 1)
            await on.publish([on.traffic.good() for _ in range(5)])
            await received(on, 2)
            assert on.count("device") == 0
        assert await on.service.exit_code() == 137
        assert on.count("uplink") == 1, "the old batch is stored although its connection is gone"
        await on.restart()
        account = await on.settle()
        assert account.stored == 7


async def test_row_7_late_acks_are_counted(stage: MakeStage) -> None:
    async with stage(broker={"persistence": False}, settings={"database": PATIENT_DATABASE}) as on:
        with on.server.locked_table(on.database, "uplink"):
            await on.publish([on.traffic.good()])
            await received(on, 1)
            on.broker.kill()
            on.broker.start()
            await reconnected(on, 1)
        await on.drained()
        metrics = await on.service.metrics()
        assert metrics["source_stale_acks_total"] == 1
        assert metrics["source_sessions_lost_total"] == 1
        await on.settle()


async def received(on: Stage, messages: int) -> None:
    """Wait until the pipeline has taken so many messages from its source."""
    async with asyncio.timeout(30):
        while (await on.service.metrics())["received_messages_total"] < messages:
            await asyncio.sleep(0.02)


async def test_row_8_broker_unreachable_at_start(stage: MakeStage) -> None:
    async with stage(start=False) as on:
        on.broker.stop()
        on.service.start()
        detail = await on.service.failing("broker:city")
        assert str(on.broker.port) in detail or "not connected" in detail
        await asyncio.sleep(on.size.pick(2, 30))
        assert on.service.running
        on.broker.start()
        seconds = await on.service.ready(31)
        on.measure("8", "connected after the broker came, seconds", seconds, "<= 31 + back-off")
        await on.settle()


ACL_ALL = ["topic readwrite #", "topic read $SYS/#"]
CANARY = "application/canary/device/canary/event/canary"


@pytest.mark.parametrize("transport", ["mqtt5", pytest.param("paho", marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "denied",
    [
        pytest.param([f"topic write {CANARY}", "topic read $SYS/#"], id="read denied"),
        pytest.param(["topic read application/#", "topic read $SYS/#"], id="canary denied"),
    ],
)
async def test_row_10_denied_by_the_access_list(
    stage: MakeStage, size: Size, tmp_path: Path, transport: str, denied: list[str]
) -> None:
    """Mosquitto grants the subscription all the same and delivers nothing: only the canary tells."""
    broker = Mosquitto(tmp_path / "acl", acl=denied, options={"log_type": "all"})
    canary = {} if size.long else {"timeout_seconds": 2, "interval_seconds": 2}
    async with stage(broker=broker, source={"transport": transport, "canary": canary}, start=False) as on:
        on.service.start()
        await subscribed(on)
        started = monotonic()
        while "ACL" not in (detail := await on.service.failing("canary:city")):
            assert monotonic() - started < on.size.limit(10), detail
            await asyncio.sleep(0.05)
        on.measure("10", f"denied rights reported, {transport}, seconds", monotonic() - started, "<= 10")
        assert CANARY in detail
        assert "topic read application/+/device/+/event/+" in detail
        before, span = connects(broker), int(on.size.pick(2, 20))
        await asyncio.sleep(span)
        assert connects(broker) - before <= span, "at most one attempt a second"
        broker.set_acl(ACL_ALL)
        await on.service.ready(120)
        await on.settle()


async def test_row_10_subscription_refused(stage: MakeStage, tmp_path: Path) -> None:
    """A broker that says no in its SUBACK."""
    login = {"username": "ingest", "password": "secret"}
    rules = DynamicSecurity(tmp_path / "dynamic-security.json", "ingest", "secret")
    rules.write(subscribe=[])
    broker = Mosquitto(tmp_path / "mosquitto", options={**rules.options, "log_type": "all"})
    async with stage(broker=broker, source=login, login=login, start=False) as on:
        on.service.start()
        detail = await on.service.failing("broker:city")
        while "application/+/device/+/event/+" not in detail:
            detail = await on.service.failing("broker:city")
        span = int(on.size.pick(2, 20))
        before = broker.log().count("Received SUBSCRIBE")
        await asyncio.sleep(span)
        assert broker.log().count("Received SUBSCRIBE") - before <= span, "at most one attempt a second"
        rules.write(subscribe=list(DEFAULT_TOPICS["chirpstack"]))
        broker.restart()
        await on.service.ready(60)
        await on.settle()


async def subscribed(on: Stage) -> None:
    """Wait until the broker has granted the subscription."""
    async with asyncio.timeout(30):
        while (found := await on.service.readiness()) is None or found.detail("broker:city"):
            await asyncio.sleep(0.05)


def connects(broker: Mosquitto) -> int:
    """How often a client has connected so far."""
    return broker.log().count("New client connected")


async def test_row_21_queue_overflow_is_counted_and_reported(stage: MakeStage) -> None:
    options = {"max_queued_messages": 100, "max_inflight_messages": 20}
    async with stage(broker=options, traffic={"devices": 1, "poison_share": 0}) as on:
        await on.publish([on.traffic.good()])
        await on.drained()
        await on.queue(on.traffic.take(1000))
        await on.until(lambda: told_dropped(on.broker) >= 800)
        await on.restart()
        started = monotonic()
        while not (await on.service.metrics())["source_lossy"]:
            assert monotonic() - started < 30
            await asyncio.sleep(0.1)
        on.measure("21", "overflow reported, seconds", monotonic() - started, "<= 30")
        kept = on.count("uplink") - 1
        account = await on.settle(lost=1000 - kept)
        metrics = await on.service.metrics()
        lost = len(account.lost)
        on.measure("21", "dropped by the broker of 1000, queue of 100", lost, "900")
        assert lost == 1000 - kept >= 880
        assert metrics["source_broker_dropped_messages_total"] == lost
        assert metrics["missing_frames_total"] == lost


def told_dropped(broker: Mosquitto) -> int:
    """How many messages the broker says that it has dropped; it tells a change once."""
    command = [mosquitto_program("mosquitto_sub"), "-p", str(broker.port), "-t", BROKER_DROPPED_TOPIC, "-C", "1"]
    return int(subprocess.run([*command, "-W", "5"], capture_output=True, text=True, check=True).stdout)


async def test_row_22_gaps_of_a_qos_0_publisher_are_counted(stage: MakeStage) -> None:
    async with stage(traffic=COUNTED) as on:
        await on.publish(on.traffic.take(50), qos=0)
        await on.until(lambda: on.count("uplink") == 50)
        on.service.terminate()
        assert await on.service.exit_code() == 0
        await on.publish(on.traffic.take(130), qos=0)
        await on.restart()
        await on.publish(on.traffic.take(50), qos=0)
        await on.until(lambda: on.count("uplink") == 100)
        metrics = await on.service.metrics()
        assert metrics["missing_frames_total"] == 130
        assert metrics["source_qos0_messages_total"] == 50
        assert metrics["source_lossy"] == 1
        await on.settle()
