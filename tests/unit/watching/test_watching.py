"""A running pipeline gets changed decoders, tables and mapping; whatever is wrong with a file, the old ones go on."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from config.load import load_settings
from decoders.events import Event
from decoders.mapping import DeviceMapping, MappingError
from decoders.uplink import Uplink
from ingest.delivery import Delivery
from ingest.metrics import Metrics
from ingest.outage import Outage
from ingest.pipeline import Pipeline
from ingest.preparation import Preparation
from stadtfunk.watching import Renewal
from storage.batch import Outcome, Record, WriteResult

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DEADLINE = 20.0
LOOK_EVERY = 0.02

DEVICE = """
from decoders.decoder import Decoder
from decoders.readings import DeviceHealth

def decode(uplink, data):
    return [DeviceHealth.of(uplink, battery_level={level})]

DECODER = Decoder("{name}", 1, "v", "m", decode, (DeviceHealth,), "sheet", profiles=("{name}",))
"""
CONFIGURATION = "decoder_folders: [mine]\n"


def write(folder: Path, name: str, level: float) -> Path:
    path = folder / f"{name}.py"
    path.write_text(DEVICE.format(name=name, level=level))
    return path


def parse(one: Delivery) -> Event:
    return Uplink("city", "70b3d57ed0000001", 1, 2, one.payload, AT, AT, device_profile=one.topic)


class NoWriter:
    """These tests store nothing."""

    async def write(self, records: Sequence[Record], *, redecode: bool = False) -> WriteResult:
        raise NotImplementedError


class City:
    """A configuration with private decoders `one` and `two`, and a pipeline that decodes with them."""

    def __init__(self, folder: Path) -> None:
        self.mine = folder / "mine"
        self.mine.mkdir()
        self.file = folder / "stadtfunk.yaml"
        self.file.write_text(CONFIGURATION)
        write(self.mine, "one", 1.0)
        write(self.mine, "two", 1.0)
        self.metrics = Metrics(CollectorRegistry())

    def renewal(self) -> Renewal:
        renewal = Renewal(
            load_settings(self.file, {}),
            self.metrics,
            use=self.use,
            reread=lambda: load_settings(self.file, {}),
            look_every=LOOK_EVERY,
        )
        self.pipeline = Pipeline(
            Preparation({"city": parse}, renewal.mapping),
            NoWriter(),  # type: ignore[arg-type]
            Outage(None),
            self.metrics,
        )
        return renewal

    def use(self, mapping: DeviceMapping) -> None:
        self.pipeline.reload(Preparation({"city": parse}, mapping))

    async def level(self, profile: str) -> float | None:
        """What a device of `profile` is decoded to; None when it has no decoder."""
        [record] = await self.pipeline.prepare([Delivery("city", profile, b"\x32", AT)])
        return record.readings[0].battery_level if record.outcome is Outcome.DECODED else None

    async def until_level(self, profile: str, level: float | None) -> None:
        async with asyncio.timeout(DEADLINE):
            while await self.level(profile) != level:
                await asyncio.sleep(LOOK_EVERY)

    def metric(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"stadtfunk_{name}", labels)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not condition():
                await asyncio.sleep(LOOK_EVERY)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


@asynccontextmanager
async def running(renewal: Renewal) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(renewal.run())
        yield
        task.cancel()


def failures(city: City) -> float | None:
    return city.metric("decoder_reloads_total", outcome="failed")


async def test_a_changed_a_new_and_a_removed_file_are_taken_over(city: City) -> None:
    async with running(city.renewal()):
        assert await city.level("one") == 1.0
        write(city.mine, "one", 2.0)
        await city.until_level("one", 2.0)
        write(city.mine, "three", 3.0)
        await city.until_level("three", 3.0)
        (city.mine / "two.py").unlink()
        await city.until_level("two", None)
        assert await city.level("one") == 2.0
        assert city.metric("decoder_reloads_total", outcome="ok") == 3
        assert failures(city) == 0


async def test_a_file_put_in_place_by_a_rename_is_seen_though_time_and_size_are_the_same(city: City) -> None:
    async with running(city.renewal()):
        old = (city.mine / "one.py").stat()
        other = city.mine.parent / "one.new"
        other.write_text(DEVICE.format(name="one", level=7.0))
        os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
        other.rename(city.mine / "one.py")
        await city.until_level("one", 7.0)


async def test_a_broken_file_goes_on_in_its_old_version_while_others_are_renewed(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(city.renewal()):
        broken = city.mine / "one.py"
        broken.write_text("DECODER = 1 / 0")
        write(city.mine, "two", 2.0)
        await city.until_level("two", 2.0)
        assert await city.level("one") == 1.0
        assert city.metric("decoder_files_broken") == 1
        assert failures(city) == 1

        write(city.mine, "two", 3.0)
        await city.until_level("two", 3.0)
        assert await city.level("one") == 1.0
        said = [record.getMessage() for record in caplog.records if "decoder_left_out" in record.getMessage()]
        assert said == [
            f"decoder_left_out file={str(broken)!r} reason='does not import: ZeroDivisionError: division by zero' "
            "old_kept=True"
        ]

        broken.write_text("DECODER = 2 / 0")
        await city.until(lambda: failures(city) == 2)
        assert caplog.text.count("decoder_left_out") == 2

        write(city.mine, "one", 4.0)
        await city.until_level("one", 4.0)
        assert city.metric("decoder_files_broken") == 0


async def test_a_file_that_is_broken_at_start_is_left_out_until_it_is_mended(city: City) -> None:
    (city.mine / "one.py").write_text("")
    async with running(city.renewal()):
        assert await city.level("one") is None
        assert await city.level("two") == 1.0
        assert city.metric("decoder_files_broken") == 1
        write(city.mine, "one", 5.0)
        await city.until_level("one", 5.0)


async def test_a_file_that_is_being_written_drops_nothing_at_any_moment(city: City) -> None:
    """Byte by byte, as an editor or a slow copy over the network writes."""
    content = DEVICE.format(name="one", level=6.0)
    async with running(city.renewal()):
        for size in range(0, len(content), 16):
            (city.mine / "one.py").write_text(content[:size])
            assert await city.level("one") == 1.0
            await asyncio.sleep(LOOK_EVERY / 4)
        (city.mine / "one.py").write_text(content)
        await city.until_level("one", 6.0)


async def test_every_half_written_state_that_rests_drops_nothing(city: City) -> None:
    content = DEVICE.format(name="one", level=6.0)
    async with running(city.renewal()):
        for failed, size in enumerate((0, len(content) // 3, len(content) - 40), start=1):
            (city.mine / "one.py").write_text(content[:size])
            await city.until(lambda failed=failed: failures(city) == failed)
            assert await city.level("one") == 1.0


async def test_a_new_mapping_is_taken_over_and_a_wrong_one_is_not(city: City, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with running(city.renewal()):
        city.file.write_text(CONFIGURATION + "mapping: {profiles: {ours: two}}\n")
        await city.until_level("ours", 1.0)
        city.file.write_text(CONFIGURATION + "mapping: {profiles: {ours: tow}}\n")
        await city.until(lambda: failures(city) == 1)
        city.file.write_text(CONFIGURATION + "mapping: [\n")
        await city.until(lambda: failures(city) == 2)
        assert await city.level("ours") == 1.0
        assert "no decoder 'tow'" in caplog.text
        assert "expected valid YAML" in caplog.text

        write(city.mine, "two", 2.0)
        await city.until_level("two", 2.0)
        assert await city.level("ours") == 2.0
        assert failures(city) == 2


TABLE = """
tables:
  probe:
    source: made up
    profiles: [probe]
    readings: [{{kind: device_health, fields: {{battery_level: {{offset: 0, size: 1, divide: {divide}}}}}}}]
"""


async def test_a_changed_table_is_taken_over_and_a_wrong_one_holds_nobody_up(
    city: City, caplog: pytest.LogCaptureFixture
) -> None:
    city.file.write_text(CONFIGURATION + TABLE.format(divide=1))
    async with running(city.renewal()):
        assert await city.level("probe") == 50.0
        city.file.write_text(CONFIGURATION + TABLE.format(divide=2))
        await city.until_level("probe", 25.0)
        city.file.write_text(CONFIGURATION + TABLE.format(divide=0))
        await city.until(lambda: failures(city) == 1)
        assert "fields.battery_level.divide: expected a number other than 0" in caplog.text
        write(city.mine, "one", 9.0)
        await city.until_level("one", 9.0)
        assert await city.level("probe") == 25.0
        city.file.write_text(CONFIGURATION)
        await city.until_level("probe", None)


async def test_a_mapping_to_a_decoder_whose_file_is_removed_keeps_everything_as_it_is(city: City) -> None:
    city.file.write_text(CONFIGURATION + "mapping: {profiles: {ours: one}}\n")
    async with running(city.renewal()):
        (city.mine / "one.py").unlink()
        await city.until(lambda: failures(city) == 1)
        assert await city.level("ours") == 1.0


async def test_without_watching_a_change_waits_for_the_signal(city: City, tmp_path: Path) -> None:
    """Two changes that a city beside it has taken over by itself have had their time here, too."""
    city.file.write_text(CONFIGURATION + "watch: false\n")
    (tmp_path / "beside").mkdir()
    beside = City(tmp_path / "beside")
    renewal = city.renewal()
    async with running(renewal), running(beside.renewal()):
        for level in (2.0, 3.0):
            write(city.mine, "one", level)
            write(beside.mine, "one", level)
            await beside.until_level("one", level)
        assert await city.level("one") == 1.0
        renewal.ask()
        await city.until_level("one", 3.0)


async def test_a_mapping_to_a_broken_decoder_is_refused_at_start(city: City) -> None:
    (city.mine / "one.py").write_text("DECODER = 1 / 0")
    city.file.write_text(CONFIGURATION + "mapping: {default: one}\n")
    with pytest.raises(MappingError, match=r"left out: .*one\.py: does not import: ZeroDivisionError"):
        city.renewal()
