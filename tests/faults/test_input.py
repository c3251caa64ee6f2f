"""Rows 23, 24, 26 and 27: poison, undecodable payloads, oversized messages, and what only the database refuses."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import paho.mqtt.publish
import psycopg
import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.mapping import DeviceMapping
from decoders.registry import Registry
from decoders.settings import MappingSettings
from decoders.uplink import Uplink
from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for
from ingest.preparation import Preparation
from storage.batch import Record
from storage.database import Role, connect
from storage.settings import DatabaseSettings
from storage.writer import Writer
from tests.faults.stage import Measure, Size, Stage
from tests.support.publisher import Publisher
from tests.support.service import quantile
from tests.support.traffic import Message, Traffic, corpus

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
MIB = 2**20
STRANGE = 10_000_000
"""Numbers of uplinks that the oracle is not told of."""


def prepared(messages: list[Message]) -> list[Record]:
    """What the service makes of `messages`."""
    now = datetime.now(UTC)
    mapping = DeviceMapping(MappingSettings(), Registry.load())
    prepare = Preparation({"city": parser_for(WireFormat.CHIRPSTACK)}, mapping).prepare
    return [prepare(Delivery("city", one.topic, one.payload, now)) for one in messages]


def reasons(on: Stage) -> Counter[str]:
    """How many messages are in quarantine for each reason."""
    found = on.query("SELECT reason, count(*) FROM rejected GROUP BY reason")
    return Counter({str(reason): int(str(count)) for reason, count in found})


async def undisturbed(on: Stage) -> None:
    """Nothing that came has cost the service its process or a connection."""
    assert on.service.running
    metrics = await on.service.metrics()
    assert metrics["source_reconnects_total"] == 0
    assert metrics["commit_retries_total"] == 0


async def test_row_23_poison_among_good_traffic(stage: MakeStage) -> None:
    async with stage(traffic={"poison_share": 0}) as on:
        cases = corpus()
        assert len(cases) >= 60
        for _ in on.size.times(1, 20):
            messages = [on.traffic.poison(case) for case in cases] + on.traffic.take(300)
            on.order.shuffle(messages)
            await on.publish(messages)
        account = await on.settle()
        assert account.quarantined == len(on.traffic.poisons)
        assert reasons(on) == Counter(str(reason) for reason in on.traffic.poisons.values())
        await undisturbed(on)


async def test_row_23_mutilated_messages(stage: MakeStage) -> None:
    """Whatever the parser lets through, the database takes; the rest is in quarantine with the parser's reason."""
    async with stage(traffic={"poison_share": 0}) as on:
        strange = Traffic(on.order, first=STRANGE)
        messages = [mutilated(strange.good(), on.order) for _ in range(int(on.size.pick(400, 20_000)))]
        records = prepared(messages)
        uplinks = {(e.dev_eui, e.ns_time, e.f_cnt) for record in records if isinstance(e := record.event, Uplink)}
        once = {(record.topic, record.message): record for record in records if record.reason}
        refused = Counter(str(record.reason) for record in once.values())  # the same message again counts, only
        assert refused
        assert RejectReason.INTERNAL_ERROR not in refused
        async with Publisher(on.broker.port) as publisher:
            await publisher.publish_all([(one.topic, one.payload) for one in messages])
        await on.until(lambda: on.count("rejected") >= refused.total() and on.count("uplink") >= len(uplinks))
        assert reasons(on) == refused
        await on.settle(strangers=True)
        await undisturbed(on)


def mutilated(message: Message, order: random.Random) -> Message:
    """The message with a few bytes changed, removed, doubled or cut off."""
    payload = bytearray(message.payload)
    for _ in range(order.randint(1, 3)):
        if not payload:
            break
        place = order.randrange(len(payload))
        match order.randrange(4):
            case 0:
                payload[place] = order.randrange(256)
            case 1:
                del payload[place : place + order.randrange(20)]
            case 2:
                payload[place:place] = payload[place : place + order.randrange(200)]
            case _:
                del payload[max(place, 1) :]
    return replace(message, payload=bytes(payload))


async def test_row_24_payloads_that_do_not_decode(stage: MakeStage) -> None:
    """Every class has its own reason; the raw uplink is stored."""
    async with stage(traffic={"poison_share": 0}) as on:
        whole = bytes.fromhex("0e1000f107d305c8015a10")
        base64_cases = [case for case in corpus() if "base64" in case.name]
        assert base64_cases
        messages = [
            *(on.traffic.misfit(RejectReason.TRUNCATED, data=whole[:size]) for size in range(1, len(whole))),
            *(on.traffic.misfit(RejectReason.UNKNOWN_PORT, port=port) for port in (1, 3, 199, 223)),
            *(on.traffic.misfit(RejectReason.NO_DECODER, profile=name) for name in ("unheard of", "LSE01 ", "'; --")),
            *(on.traffic.poison(case) for case in base64_cases),
            *on.traffic.take(200),
        ]
        expected = Counter(str(reason) for reason in on.traffic.poisons.values())
        on.order.shuffle(messages)
        await on.publish(messages)
        await on.until(lambda: reasons(on) == expected)
        await on.settle()
        await undisturbed(on)


@pytest.fixture(params=Registry.load().decoders, ids=lambda decoder: decoder.name)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    found: Decoder = request.param
    return found


def test_row_24_random_payloads_raise_nothing_but_decode_errors(
    decoder: Decoder, size: Size, order: random.Random
) -> None:
    """A defect is told from a refusal by its reason."""
    for _ in range(int(size.pick(2_000, 100_000))):
        refused = refusal(decoder, order.randbytes(order.randrange(80)), order.choice((*decoder.f_ports, 0, 2, 255)))
        assert refused is not RejectReason.DECODER_ERROR


def refusal(decoder: Decoder, payload: bytes, port: int) -> RejectReason | None:
    now = datetime.now(UTC)
    uplink = Uplink(
        source="city", dev_eui="24e124460e000001", f_cnt=1, f_port=port, payload=payload, ns_time=now, received_at=now
    )
    try:
        decoder.decode(uplink)
    except DecodeError as error:
        if error.reason is RejectReason.DECODER_ERROR:
            raise AssertionError(f"{decoder.name}: {payload.hex()} on port {port}: {error}") from error
        return error.reason
    return None


# ---- oversized


@pytest.mark.parametrize("size_of_message", [64 * 1024 + 1, 10 * MIB], ids=["64KiB+1", "10MiB"])
async def test_row_26_oversized_message_without_a_limit_at_the_broker(stage: MakeStage, size_of_message: int) -> None:
    """It is refused with its reason, of its bytes only the head is kept, and its neighbours do not notice."""
    async with stage(traffic={"poison_share": 0}) as on:
        [case, *_] = [case for case in corpus() if case.reason is RejectReason.OVERSIZED]
        await on.publish(on.traffic.take(100))
        await on.drained()
        before, rss = await on.service.metrics(), on.service.rss_mb()
        on.service.forget_peak()
        async with on.sending(50):
            for before_it in on.size.times(3, 20):
                large = on.traffic.poison(case)
                await on.publish([replace(large, payload=large.payload[:1000].ljust(size_of_message, b" "))])
                await on.until(lambda refused=before_it + 1: on.count("rejected") == refused)  # one after the other
        await on.drained()
        peak, growth = on.service.peak_mb() - rss, on.service.rss_mb() - rss
        after = await on.service.metrics()
        pause = quantile(1.0, before, after, "commit_lag_seconds")
        kib = size_of_message // 1024
        on.measure("26", f"growth of memory after messages of {kib} KiB, MB", growth, "<= 20")
        on.measure("26", f"peak growth of memory with messages of {kib} KiB, MB", peak, "two copies")
        on.measure("26", f"longest lag beside messages of {kib} KiB, seconds", pause, "<= 0.1")
        assert growth <= 20
        assert peak <= 2.5 * size_of_message / 1e6 + 10, "a message is in memory as received and as parsed, no more"
        assert pause <= on.size.limit(0.1)
        assert on.query("SELECT DISTINCT length(payload) FROM rejected") == [(64 * 1024 + 1,)]
        await on.settle()
        await undisturbed(on)


@pytest.mark.parametrize("version", [MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5])
async def test_row_26_oversized_message_dropped_by_the_broker(stage: MakeStage, version: MQTTProtocolVersion) -> None:
    """The broker drops it: its frame is counted as missing, its neighbours arrive, nobody reconnects in a loop."""
    broker = {"message_size_limit": 65536}
    async with stage(broker=broker, traffic={"poison_share": 0, "devices": 1}) as on:
        await on.publish(on.traffic.take(20))
        large = on.traffic.good()
        payload = large.payload.replace(b'"adr":true', b'"adr":true' + b" " * 70_000)
        send = partial(paho.mqtt.publish.single, qos=1, hostname="127.0.0.1", port=on.broker.port, protocol=version)
        if version is MQTTProtocolVersion.MQTTv311:
            await asyncio.to_thread(send, large.topic, payload)
        else:
            with pytest.raises((ConnectionError, ValueError)):  # of the reason code for it, the codec knows nothing
                await publish_alone(on, large.topic, payload)
        await on.publish(on.traffic.take(20))
        await on.settle()
        assert (await on.service.metrics())["missing_frames_total"] == 1
        await undisturbed(on)


async def publish_alone(on: Stage, topic: str, payload: bytes) -> None:
    async with Publisher(on.broker.port) as publisher:
        await publisher.publish(topic, payload)


# ---- refused by the database alone


@pytest.fixture
def refusing(database: str) -> Iterator[str]:
    """The database, with a rule that no parser knows of: frame counter 777 is refused."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE stadtfunk.uplink ADD CONSTRAINT not_777 CHECK (f_cnt <> 777)")
    yield database


@pytest.mark.parametrize("place", [0, 249, 499], ids=["first", "middle", "last"])
async def test_row_27_one_bad_row_costs_few_attempts(
    refusing: str, order: random.Random, measure: Measure, place: int
) -> None:
    traffic = Traffic(order, poison_share=0)
    messages = traffic.take(500)
    messages[place] = with_f_cnt(messages[place], 777)
    writer = Writer(lambda: connect(DatabaseSettings(dsn=refusing), role=Role.INGEST))
    result = await writer.write(prepared(messages))
    await writer.close()
    measure("27", "transactions for 500 rows with one bad one", result.attempts, "<= 21")
    assert (result.uplinks, result.quarantined) == (499, 1)
    assert result.rejected == {RejectReason.DATABASE_REFUSED: 1}
    assert 1 < result.attempts <= 21


async def test_row_27_one_bad_row_in_a_running_service(refusing: str, stage: MakeStage) -> None:
    async with stage(traffic={"poison_share": 0}) as on:
        await on.queue(on.traffic.take(250))
        bad = with_f_cnt(Traffic(on.order, first=STRANGE).good(), 777)
        async with Publisher(on.broker.port) as publisher:
            await publisher.publish(bad.topic, bad.payload)
        await on.publish(on.traffic.take(249))
        await on.restart()
        await on.settle(strangers=True)
        assert on.count("uplink") == 500
        assert reasons(on) == {"database_refused": 1}
        assert (await on.service.metrics())["quarantined_rows_total"] == 1
        await undisturbed(on)


def with_f_cnt(message: Message, f_cnt: int) -> Message:
    return replace(message, payload=re.sub(rb'"fCnt":\d+,', b'"fCnt":%d,' % f_cnt, message.payload))
