"""A shadow decodes beside the live decoder: agreements and differences are counted, the live side never suffers."""

import asyncio
import logging
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.javascript import CodecFailure, CodecResult
from decoders.mapping import DeviceMapping, MappingError
from decoders.readings import HeatMeter, QualityFlag, TreeMoisture
from decoders.settings import MappingSettings, ShadowSettings
from ingest.codecs import CodecLane, prepare_all
from ingest.comparison import compare
from ingest.metrics import Metrics
from ingest.preparation import Preparation
from ingest.shadow import MAX_WAITING, Shadow
from tests.unit.codecs.paper import AT, HEAT, SOIL, PaperPool, decoder, delivery, echo, failing, parse, registry, uplink
from tests.unit.ingest.test_pipeline import until


def native(add: float = 0.0, *, name: str = "live", kind=TreeMoisture, field: str = "soil_moisture") -> Decoder:
    def decode(one, data):
        return [kind.of(one, {field: data.unsigned(2) + add})]

    return Decoder(name, 1, "", "", decode, (kind,), "paper", profiles=("live",) if name == "live" else ())


def refusing(name: str) -> Decoder:
    def decode(one, data):
        raise DecodeError(RejectReason.TRUNCATED, "too short")

    return replace(native(name=name), function=decode)


class Stage:
    """One live decoder, one shadow, and what was counted."""

    def __init__(self, live: Decoder, shadow: Decoder, *, pool: PaperPool | None = None, **settings: object) -> None:
        self.names = {"decoder": live.name, "shadow": shadow.name}
        shadows = ShadowSettings.model_validate({"decoders": {live.name: shadow.name}} | settings)
        self.mapping = DeviceMapping(MappingSettings(shadow=shadows), registry(live, shadow))
        self.registry = CollectorRegistry()
        self.now = 0.0
        self.pool = pool or PaperPool()
        self.shadow = Shadow(Metrics(self.registry), lambda: self.pool, clock=lambda: self.now)

    async def send(self, count: int) -> None:
        """Prepare `count` uplinks as the pipeline does, and offer them."""
        lane = CodecLane(Metrics(CollectorRegistry()), PaperPool)
        made = Preparation({"city": parse}, self.mapping)
        records = await prepare_all(made, lane, [delivery(1 + n % 90, "live") for n in range(count)])
        self.shadow.offer(made.shadows, records)

    async def compare(self, count: int) -> None:
        """Send uplinks and wait until all are compared."""
        before = self.compared()
        await self.send(count)
        task = asyncio.ensure_future(self.shadow.run())
        await until(lambda: self.compared() - before == count)
        task.cancel()

    def count(self, result: str) -> float:
        return self.registry.get_sample_value("stadtfunk_shadow_uplinks_total", {**self.names, "result": result}) or 0

    def compared(self) -> float:
        return sum(
            self.count(one) for one in ("agree", "differ", "shadow_refused", "live_refused", "both_refused", "skipped")
        )

    def field(self, kind: str, field: str, result: str) -> float:
        labels = {**self.names, "kind": kind, "field": field, "result": result}
        return self.registry.get_sample_value("stadtfunk_shadow_fields_total", labels) or 0


async def test_agreements_are_counted_per_field():
    stage = Stage(native(), native(1e-9, name="new"))
    await stage.compare(30)
    assert stage.count("agree") == 30
    assert stage.field("tree_moisture", "soil_moisture", "agree") == 30
    assert stage.field("tree_moisture", "flags", "agree") == 30
    assert stage.shadow.differences() == []


async def test_differences_are_counted_remembered_and_logged_once_a_minute(caplog):
    caplog.set_level(logging.INFO)
    stage = Stage(native(), native(0.5, name="new"))
    await stage.compare(5)
    assert (stage.count("differ"), stage.field("tree_moisture", "soil_moisture", "differ")) == (5, 5)
    newest = stage.shadow.differences()[0]
    assert newest["field"] == "soil_moisture"
    assert (newest["live"], newest["beside"], newest["dev_eui"]) == (5.0, 5.5, f"{5:016x}")
    assert caplog.text.count("shadow_difference") == 1
    stage.now = 61
    await stage.compare(2)
    assert caplog.text.count("shadow_difference") == 2


async def test_a_vendor_codec_beside_a_native_decoder():
    stage = Stage(native(), decoder(SOIL))
    await stage.compare(25)
    assert stage.count("agree") == 25


async def test_examples_are_bounded():
    stage = Stage(native(), native(0.5, name="new"))
    await stage.compare(150)
    assert len(stage.shadow.differences()) == 100


async def test_refusals_of_either_side():
    for live, shadow, result in (
        (native(), refusing("new"), "shadow_refused"),
        (refusing("live"), native(name="new"), "live_refused"),
        (refusing("live"), refusing("new"), "both_refused"),
        (native(), decoder(SOIL), "shadow_refused"),
    ):
        stage = Stage(live, shadow, pool=PaperPool(failing(CodecFailure.KILLED)))
        await stage.compare(1)
        assert stage.count(result) == 1


async def test_values_of_households_are_neither_kept_nor_logged(caplog):
    caplog.set_level(logging.INFO)
    live = native(68_000_000, kind=HeatMeter, field="energy")
    await (stage := Stage(live, decoder(HEAT))).compare(1)
    [difference] = stage.shadow.differences()
    assert (difference["kind"], difference["field"]) == ("heat_meter", "energy")
    assert (difference["live"], difference["beside"]) == (None, None)
    assert "shadow_difference" in caplog.text
    assert "68000001" not in caplog.text


async def test_a_shadow_that_does_not_keep_up_is_skipped_and_holds_nobody_up():
    stage = Stage(native(), native(name="new"))
    await stage.send(MAX_WAITING + 50)
    assert stage.count("skipped") == 50


async def test_a_hanging_shadow_holds_nobody_up():
    stage = Stage(native(), decoder(SOIL), pool=PaperPool(gate=asyncio.Event()))
    task = asyncio.ensure_future(stage.shadow.run())
    await stage.send(10)
    await until(lambda: bool(stage.pool.requests))
    await asyncio.wait_for(stage.send(10), 5)
    task.cancel()


async def test_whatever_a_shadow_raises_it_goes_on(caplog, monkeypatch):
    monkeypatch.setattr("ingest.shadow._PAUSE", 0.01)

    def broken(call):
        raise OSError("no worker")

    stage = Stage(native(), decoder(SOIL), pool=PaperPool(broken))
    task = asyncio.ensure_future(stage.shadow.run())
    await stage.send(3)
    await until(lambda: stage.count("skipped") == 3)
    stage.pool.answer = echo
    await stage.send(2)
    await until(lambda: stage.count("agree") == 2)
    assert "shadow_failed" in caplog.text
    task.cancel()


async def test_a_share_of_the_uplinks_is_compared():
    stage = Stage(native(), native(name="new"), share=0.1)
    await stage.send(100)
    task = asyncio.ensure_future(stage.shadow.run())
    await until(lambda: stage.compared() == 10)
    for _ in range(20):
        await asyncio.sleep(0)
    assert stage.compared() == 10
    task.cancel()


async def test_the_same_decoder_is_no_shadow_of_itself():
    live = native()
    stage = Stage(live, native(name="new"), decoders={}, profiles={"live": "live"})
    await stage.send(5)
    assert stage.mapping.shadows.resolve(uplink(1, profile="live"), "live") is None


def test_levels_of_the_mapping():
    one, two, three = native(name="one"), native(name="two"), native(name="three")
    settings = {"devices": {f"{1:016x}": "one"}, "profiles": {"LIVE": "two"}, "decoders": {"live": "three"}}
    mapping = DeviceMapping(
        MappingSettings.model_validate({"shadow": settings}), registry(native(), one, two, three)
    ).shadows
    assert mapping.resolve(uplink(1, profile="live"), "live").decoder.name == "one"
    assert mapping.resolve(uplink(2, profile="live"), "live").decoder.name == "two"
    assert mapping.resolve(uplink(2, profile="other"), "live").decoder.name == "three"
    assert mapping.resolve(uplink(2, profile="other"), "two") is None


def test_mistakes_are_told_at_once():
    settings = {"profiles": {"p": "nobody"}, "decoders": {"live": "none", "nowhere": "live"}}
    with pytest.raises(MappingError) as caught:
        DeviceMapping(MappingSettings.model_validate({"default": "x", "shadow": settings}), registry(native()))
    text = "\n".join(caught.value.problems)
    for expected in (
        "default: no decoder 'x'",
        "shadow device profile p",
        "no decoder 'none'",
        "shadow decoder nowhere",
    ):
        assert expected in text
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        ShadowSettings(share=1.5)


def test_a_reading_of_one_side_only_differs_in_all_of_its_fields():
    one = TreeMoisture.of(uplink(1), soil_moisture=1.0, soil_temperature=2.0)
    found = {field.field: field.agrees for field in compare([one], [])}
    assert found == {"soil_moisture": False, "soil_temperature": False, "flags": False}
    other = TreeMoisture.of(uplink(1), soil_moisture=1.0, flags=QualityFlag.FROZEN)
    found = {field.field: field.agrees for field in compare([one], [other])}
    assert found == {"soil_moisture": True, "soil_temperature": False, "flags": False}
    assert list(compare([], [])) == []
    assert one.observed_at == AT


async def test_without_shadows_nothing_is_taken():
    stage = Stage(native(), native(name="new"))
    stage.mapping = DeviceMapping(MappingSettings(), registry(native()))
    await stage.send(5)
    assert stage.mapping.shadows is None
    assert stage.compared() == 0


async def test_the_answer_of_a_codec_is_understood_with_the_shadows_own_map():
    answer = CodecResult({"m": 1, "soil": {"moisture": 7}})
    stage = Stage(native(), decoder(), pool=PaperPool(lambda call: answer))
    await stage.compare(1)
    assert stage.shadow.differences()[0]["beside"] == 7.0
