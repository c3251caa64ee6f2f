"""Vendors' codecs beside the pipeline: order, bounded requests, natives meanwhile, reasons, quarantine, the end."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from decoders.decoder import Decoder
from decoders.errors import RejectReason
from decoders.javascript import CodecFailure, CodecResult, SandboxError
from decoders.readings import TreeMoisture
from decoders.uplink import Privacy
from ingest.codecs import MAX_CALLS, SLICE, CodecLane, prepare_all
from ingest.metrics import Metrics
from ingest.outage import Outage
from ingest.pipeline import Pipeline
from storage.batch import Outcome
from storage.spool import Spool, SpoolSettings
from tests.unit.codecs.paper import SOIL, PaperPool, decoder, delivery, echo, failing, preparation
from tests.unit.ingest.test_pipeline import PaperSubscription, PaperWriter, until


def lane(pool: PaperPool) -> CodecLane:
    return CodecLane(Metrics(CollectorRegistry()), lambda: pool)


def native(decoded: Callable[[], object] = lambda: None) -> Decoder:
    def decode(uplink, data):
        decoded()
        return [TreeMoisture.of(uplink, soil_moisture=float(data.unsigned(2)))]

    return Decoder("native", 1, "", "", decode, (TreeMoisture,), "paper", profiles=("native",))


def measured(records) -> list[float]:
    return [record.readings[0].soil_moisture for record in records]


async def test_records_keep_their_order_and_get_their_own_answers():
    deliveries = [delivery(n % 90, "native" if n % 3 else "acme_probe") for n in range(300)]
    records = await prepare_all(preparation(native(), decoder(SOIL)), lane(PaperPool()), deliveries)
    assert measured(records) == [n % 90 for n in range(300)]
    assert {record.outcome for record in records} == {Outcome.DECODED}
    assert records[0].decoder.name == "acme_probe"


async def test_an_idle_worker_gets_work_at_once_and_a_busy_one_gets_it_in_bounded_requests():
    gate = asyncio.Event()
    pool = PaperPool(gate=gate)
    count = SLICE + 3 * MAX_CALLS
    task = asyncio.ensure_future(prepare_all(preparation(decoder(SOIL)), lane(pool), [delivery(1)] * count))
    await until(lambda: sum(pool.requests) == count)
    assert pool.requests[0] == SLICE
    assert max(pool.requests) == MAX_CALLS
    gate.set()
    assert len(await task) == count


async def test_native_uplinks_are_decoded_while_a_codec_runs():
    gate = asyncio.Event()
    done: list[int] = []
    made = preparation(native(lambda: done.append(1)), decoder(SOIL))
    deliveries = [delivery(1), *[delivery(2, "native")] * (3 * SLICE)]
    task = asyncio.ensure_future(prepare_all(made, lane(PaperPool(gate=gate)), deliveries))
    await until(lambda: len(done) == 3 * SLICE)
    assert not task.done()
    gate.set()
    await task


async def test_without_a_codec_no_pool_is_made():
    def refuse():
        raise AssertionError("a worker without work")

    made = CodecLane(Metrics(CollectorRegistry()), refuse)
    await prepare_all(preparation(native()), made, [delivery(1, "native")])
    await made.close()


async def test_a_port_that_the_codec_does_not_know_never_reaches_it():
    pool = PaperPool()
    [record] = await prepare_all(preparation(decoder(SOIL, f_ports=(85,))), lane(pool), [delivery(1)])
    assert (record.reason, pool.requests) == (RejectReason.UNKNOWN_PORT, [])


async def test_a_failure_is_a_reason_and_costs_its_neighbours_nothing():
    def answer(call):
        return failing(CodecFailure.KILLED)(call) if call.payload == b"\0\1" else echo(call)

    records = await prepare_all(preparation(decoder(SOIL)), lane(PaperPool(answer)), [delivery(1), delivery(2)])
    assert [record.outcome for record in records] == [Outcome.FAILED, Outcome.DECODED]
    assert (records[0].reason, records[0].message) == (RejectReason.CODEC_KILLED, b"raw")


async def test_calls_and_quarantine_are_counted():
    registry = CollectorRegistry()
    pool = PaperPool(failing(CodecFailure.QUARANTINED))
    made = CodecLane(Metrics(registry), lambda: pool)
    label = {"codec": "acme_probe"}
    await prepare_all(preparation(decoder(SOIL)), made, [delivery(1), delivery(2)])
    assert registry.get_sample_value("stadtfunk_codec_quarantined", label) == 1
    pool.answer = lambda call: CodecResult(errors=("no",))
    await prepare_all(preparation(decoder(SOIL)), made, [delivery(3)])
    assert registry.get_sample_value("stadtfunk_codec_quarantined", label) == 0
    for outcome, count in (("quarantined", 2), ("error", 1)):
        assert registry.get_sample_value("stadtfunk_codec_calls_total", {**label, "outcome": outcome}) == count


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(SpoolSettings(path=tmp_path / "spool.sqlite"))


async def test_at_the_end_a_batch_whose_codec_hangs_is_spooled_raw_and_acked(spool: Spool):
    pool, writer = PaperPool(gate=asyncio.Event()), PaperWriter()
    made = Pipeline(preparation(decoder(SOIL)), writer, Outage(spool), Metrics(CollectorRegistry()), codecs=lane(pool))
    subscription = PaperSubscription([delivery(1), delivery(2)])
    subscription.end()
    line = asyncio.ensure_future(made.consume(subscription))
    await until(lambda: bool(pool.requests))
    made.hurry()
    await asyncio.wait_for(line, 5)
    await made.close()
    assert (subscription.acked, writer.stored, pool.closed) == ([1, 2], [], True)
    assert [message.payload for message in spool.head(9)] == [b"raw", b"raw"]


async def test_at_the_end_spooled_messages_whose_codec_hangs_stay_spooled(spool: Spool):
    pool, writer = PaperPool(), PaperWriter(Exception("never reached"))
    pool.gate = asyncio.Event()
    made = Pipeline(preparation(decoder(SOIL)), writer, Outage(spool), Metrics(CollectorRegistry()), codecs=lane(pool))
    subscription = PaperSubscription([delivery(1)])
    subscription.end()
    made.hurry()
    await asyncio.wait_for(made.consume(subscription), 5)
    assert spool.depth == 1
    draining = Pipeline(
        preparation(decoder(SOIL)), writer, Outage(spool), Metrics(CollectorRegistry()), codecs=lane(pool)
    )
    pool.requests.clear()
    task = asyncio.ensure_future(draining.drain())
    await until(lambda: bool(pool.requests))
    draining.hurry()
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert spool.depth == 1


async def test_a_cancelled_preparation_ends_its_request():
    gate = asyncio.Event()
    ended: list[bool] = []

    class Watched(PaperPool):
        async def run(self, calls):
            try:
                return await super().run(calls)
            except asyncio.CancelledError:
                ended.append(True)
                raise

    task = asyncio.ensure_future(
        prepare_all(preparation(decoder(SOIL)), lane(pool := Watched(gate=gate)), [delivery(1)])
    )
    await until(lambda: bool(pool.requests))
    task.cancel()
    await asyncio.wait({task})
    await until(lambda: ended == [True])


@pytest.mark.parametrize("error", [SandboxError("engine is missing"), OSError("too many processes")])
async def test_a_sandbox_that_does_not_work_costs_its_uplinks_a_reason_and_nobody_else(error, caplog):
    class Broken(PaperPool):
        async def run(self, calls):
            raise ExceptionGroup("pool", [error])

    deliveries = [delivery(1), delivery(2, "native")]
    records = await prepare_all(preparation(native(), decoder(SOIL)), lane(Broken()), deliveries)
    assert [record.outcome for record in records] == [Outcome.FAILED, Outcome.DECODED]
    assert records[0].reason is RejectReason.CODEC_UNAVAILABLE
    assert "codecs_unavailable" in caplog.text


async def test_what_a_codec_without_a_map_measures_nobody_knows_so_it_is_private():
    made = preparation(decoder())
    [record] = await prepare_all(made, lane(PaperPool()), [delivery(1)])
    assert (record.reason, record.privacy) == (RejectReason.UNMAPPED, Privacy.HOUSEHOLD)
