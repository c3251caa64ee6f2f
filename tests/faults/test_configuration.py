"""Row 37: a broken configuration is refused at start with every problem listed; a reload keeps what works."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest
import yaml

from decoders.errors import RejectReason
from tests.faults.stage import Stage
from tests.support.service import run_command

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]
BROKEN = Path(__file__).parents[1] / "unit" / "config" / "broken"
SAMPLE = 6
"""So many of the broken files are tried in a short run, others each time."""


def listed(file: Path) -> list[str]:
    """The problems of a broken file as its own `#:` lines list them: file, line, key, what was expected."""
    lines = [line[1:] for line in file.read_text().splitlines() if line.startswith("#:")]
    return [f"{file}{line.replace('HERE', str(BROKEN))}" for line in lines]


async def test_row_37_broken_files_are_refused_with_every_problem(stage: MakeStage) -> None:
    """Nothing is connected to: the program ends before it could be seen by broker or database."""
    on = stage(start=False)
    files = sorted(BROKEN.glob("*.yaml"))
    assert len(files) >= 30
    for file in files if on.size.long else on.order.sample(files, SAMPLE):
        started = monotonic()
        ended = await asyncio.to_thread(run_command, ["run", "-c", str(file)], cwd=on.folder)
        seconds = monotonic() - started
        assert ended.returncode == 2, ended.stderr
        assert [line[2:] for line in ended.stderr.splitlines()[1:]] == listed(file)
        assert seconds <= on.size.limit(1), file.name
    on.measure("37", "last broken file refused, seconds", seconds, "<= 1")
    async with on:
        on.service.start()
        await on.settle()


UNUSUAL = "Bodenfeuchte Eigenbau"


async def test_row_37_a_reload_takes_the_new_mapping_and_keeps_the_old_one_on_errors(stage: MakeStage) -> None:
    async with stage(traffic={"poison_share": 0}) as on:
        await on.publish([on.traffic.misfit(RejectReason.NO_DECODER, profile=UNUSUAL), *on.traffic.take(20)])
        await on.settle()

        reload_with(on, {"profiles": {UNUSUAL: "no_such_decoder"}})
        await said(on, "reload_failed", times=1)
        on.service.file.write_text(on.service.file.read_text() + "\nnonsense: [\n")
        on.service.reload()
        await said(on, "reload_failed", times=2)
        await on.publish([on.traffic.misfit(RejectReason.NO_DECODER, profile=UNUSUAL), *on.traffic.take(20)])
        await on.settle()

        reload_with(on, {"profiles": {UNUSUAL: "dragino_lse01"}})
        await said(on, " reloaded", times=1)
        understood = on.traffic.misfit(RejectReason.NO_DECODER, profile=UNUSUAL)
        on.traffic.misfits.clear()
        on.traffic.poisons.popitem()
        await on.publish([understood])
        await on.until(lambda: on.query("SELECT outcome FROM uplink WHERE deduplication_id = %s", understood.id) != [])
        assert on.query("SELECT outcome FROM uplink WHERE deduplication_id = %s", understood.id) == [("decoded",)]
        assert (await on.service.metrics())["source_reconnects_total"] == 0
        await on.fresh()


OWN_TABLE = {
    "own_soil": {
        "source": "made up",
        "profiles": [UNUSUAL],
        "readings": [{"kind": "tree_moisture", "fields": {"soil_moisture": {"offset": 4, "divide": 100}}}],
    }
}
OWN_FILE = """
from decoders.decoder import Decoder
from decoders.readings import DeviceHealth

def decode(uplink, data):
    return [DeviceHealth.of(uplink, battery_level={level})]

DECODER = Decoder("own_file", 1, "v", "m", decode, (DeviceHealth,), "sheet", profiles=("Eigenbau 2",))
"""


async def test_row_37_changed_files_are_taken_over_without_a_signal(stage: MakeStage) -> None:
    """A table and a private decoder become live, and stay so while their files are broken."""
    async with stage(traffic={"poison_share": 0}) as on:
        mine = on.service.folder / "mine"
        mine.mkdir()
        (mine / "own_file.py").write_text(OWN_FILE.format(level=10.0))
        changed = yaml.safe_dump({**on.service.configuration, "tables": OWN_TABLE, "decoder_folders": ["mine"]})
        on.service.file.write_text(changed)
        await said(on, " reloaded", times=1)
        assert await stored(on, UNUSUAL, "tree_moisture") == 1
        assert await stored(on, "Eigenbau 2", "device_health") == 1

        (mine / "own_file.py").write_text("DECODER = ")
        await said(on, "decoder_left_out", times=1)
        on.service.file.write_text(changed + "\nnonsense: [\n")
        await said(on, "reload_failed", times=1)
        assert await stored(on, UNUSUAL, "tree_moisture") == 1
        assert await stored(on, "Eigenbau 2", "device_health") == 1

        before = on.service.log().count(" reloaded")
        (mine / "own_file.py").write_text(OWN_FILE.format(level=20.0))
        await said(on, " reloaded", times=before + 1)
        assert await stored(on, "Eigenbau 2", "device_health", "battery_level = 20") == 1
        metrics = await on.service.metrics()
        assert metrics["decoder_files_broken"] == 0
        assert metrics.value("decoder_reloads_total", outcome="failed") == 2
        await on.fresh()


async def stored(on: Stage, profile: str, table: str, condition: str = "true") -> int:
    """Send an uplink of `profile`; how many readings of it are in `table` when it is stored."""
    message = on.traffic.misfit(RejectReason.NO_DECODER, profile=profile)
    on.traffic.misfits.clear()
    on.traffic.poisons.popitem()
    await on.publish([message])
    known = "SELECT device_id, ns_time FROM uplink WHERE deduplication_id = %s"
    await on.until(lambda: on.query(known, message.id) != [])
    [(device, at)] = on.query(known, message.id)
    sql = f"SELECT count(*) FROM {table} WHERE device_id = %s AND uplink_ns_time = %s AND {condition}"
    [(found,)] = on.query(sql, device, at)
    assert isinstance(found, int)
    return found


def reload_with(on: Stage, mapping: dict[str, object]) -> None:
    """Write the configuration with another mapping, and tell the service."""
    on.service.file.write_text(yaml.safe_dump({**on.service.configuration, "mapping": mapping}))
    on.service.reload()


async def said(on: Stage, words: str, *, times: int) -> None:
    """Wait until the service has logged `words` so often."""
    await on.until(lambda: on.service.log().count(words) >= times)
