"""A defect of ours, wherever it shows itself, costs nothing but its message, and that is kept; the operator sees it."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from decoders.decoder import Decoder
from decoders.errors import RejectReason, defect_at
from decoders.mapping import DeviceMapping
from decoders.settings import MappingSettings
from ingest.codecs import CodecLane, prepare_all
from ingest.metrics import Metrics, Stage
from ingest.outage import Outage
from ingest.pipeline import Pipeline
from ingest.preparation import Preparation
from stadtfunk.readiness import Readiness
from storage.batch import Outcome, WriteResult
from tests.unit.codecs.paper import SOIL, PaperPool, decoder, delivery, parse, preparation, registry
from tests.unit.codecs.test_lane import native
from tests.unit.ingest.test_pipeline import PaperSubscription, PaperWriter, until

SECRET = "4738291"


def defect(*_arguments, **_named):
    raise TypeError(f"cannot convert {SECRET}")


def for_number(number, function):
    """Like `function`, but for the uplink of this number."""

    def call(self, *arguments):
        uplink = next(one for one in arguments if hasattr(one, "dev_eui"))
        return defect() if uplink.dev_eui == f"{number:016x}" else function(self, *arguments)

    return call


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


async def prepared(metrics, *numbers, profile="native", made=None, pool=None):
    lane = CodecLane(metrics, lambda: pool or PaperPool())
    made = made or preparation(native(), decoder(SOIL))
    return await prepare_all(made, lane, [delivery(number, profile) for number in numbers])


def assert_only_the_second_is_set_aside(records, file):
    assert [record.reason for record in records] == [None, RejectReason.INTERNAL_ERROR, None]
    kept = records[1]
    assert (kept.message, kept.event, kept.readings, kept.decoder) == (b"raw", None, (), None)
    assert kept.detail.startswith(f"TypeError at {file}:")
    assert [record.outcome for record in records[::2]] == [Outcome.DECODED] * 2


async def test_in_a_parser(metrics, caplog):
    def parser(one):
        return defect() if one.topic.endswith("/2") else parse(one)

    made = Preparation({"city": parser}, DeviceMapping(MappingSettings(), registry(native())))
    records = await prepared(metrics, 1, 2, 3, made=made)
    assert_only_the_second_is_set_aside(records, "ingest/preparation.py")
    assert "message_set_aside source=city" in caplog.text
    assert SECRET not in caplog.text


async def test_in_the_choice_of_a_decoder(metrics, monkeypatch):
    monkeypatch.setattr(DeviceMapping, "resolve", for_number(2, DeviceMapping.resolve))
    assert_only_the_second_is_set_aside(await prepared(metrics, 1, 2, 3), "ingest/preparation.py")


async def test_in_the_conversion_of_a_reading(metrics):
    """That is the decoder's own: the uplink is stored with its reason, as with every payload that does not decode."""
    counted = iter([None, defect, None])
    records = await prepared(metrics, 1, 2, 3, made=preparation(native(lambda: (next(counted) or bool)())))
    assert [record.reason for record in records] == [None, RejectReason.DECODER_ERROR, None]
    assert (records[1].outcome, records[1].event.dev_eui) == (Outcome.FAILED, f"{2:016x}")
    assert records[1].detail == "native: TypeError"


async def test_in_what_a_codec_answered(metrics, monkeypatch):
    monkeypatch.setattr(Decoder, "understand", for_number(2, Decoder.understand))
    records = await prepared(metrics, 1, 2, 3, profile="acme_probe")
    assert_only_the_second_is_set_aside(records, "ingest/preparation.py")


async def test_in_asking_for_answers(metrics, caplog):
    records = await prepared(metrics, 1, 2, profile="acme_probe", pool=PaperPool(answer=defect))
    assert [record.reason for record in records] == [RejectReason.CODEC_UNAVAILABLE] * 2
    assert SECRET not in caplog.text + records[0].detail
    assert metrics.defects == 1


@pytest.mark.parametrize(
    ("place", "stage"),
    [
        ("ingest.metrics.Metrics._observe_lags", Stage.ACCOUNTS),
        ("ingest.assembly.Assembler.note", Stage.ASSEMBLY),
        ("ingest.assembly.Assembler.run", Stage.ASSEMBLY),
    ],
)
async def test_after_the_commit_all_is_acked_and_the_line_goes_on(metrics, monkeypatch, caplog, place, stage):
    monkeypatch.setattr(place, defect)
    monkeypatch.setattr("ingest.assembly.Assembler.due", property(lambda self: place.endswith("run")))
    writer, subscription = PaperWriter(), PaperSubscription([delivery(1, "native")], [delivery(2, "native")])
    line = asyncio.ensure_future(Pipeline(preparation(native()), writer, Outage(None), metrics).consume(subscription))
    await until(lambda: subscription.acked == [1, 2])
    assert not line.done()
    assert writer.stored == ["native/1", "native/2"]
    assert metrics.registry.get_sample_value("stadtfunk_internal_errors_total", {"stage": stage.value}) == 2
    assert f"internal_error stage={stage}" in caplog.text
    assert SECRET not in caplog.text
    line.cancel()


def test_the_operator_sees_it_and_nobody_is_unready(metrics):
    readiness = Readiness([], PaperInstance(), Outage(None), {}, defects=lambda: metrics.defects)
    assert [check.name for check in readiness.checks()] == ["database", "spool"]
    metrics.committed("city", [], WriteResult(rejected={"internal_error": 3}), seconds=0.1)
    assert metrics.registry.get_sample_value("stadtfunk_internal_errors_total", {"stage": "message"}) == 3
    shown = readiness.checks()[-1]
    assert (shown.name, shown.ok) == ("defects", True)
    assert shown.detail.startswith("3 internal errors")


class PaperInstance:
    up, detail = True, ""


def test_the_place_is_the_last_one_of_ours():
    """Not that of the library which was called, and not the text, which may hold a value."""
    with pytest.raises(ValueError, match=SECRET) as caught:
        MappingSettings.model_validate({"default": {SECRET: 1}})
    assert defect_at(caught.value) == "ValidationError"
    with pytest.raises(KeyError) as missing:
        registry().by_name(SECRET)
    assert defect_at(missing.value).startswith("KeyError at decoders/registry.py:")
