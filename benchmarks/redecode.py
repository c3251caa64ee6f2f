"""Decoding history again: uplinks a second of the whole command, with planning, worker processes and rollups.

The history goes the service's way into the database: soil sensors, one payload and two readings an uplink. The
baseline streams the same payloads out of the same database, over one connection, and does nothing with them.
"""

import asyncio
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from benchmarks.rig import Rig
from config.settings import Settings
from decoders.mapping import DeviceMapping
from decoders.uplink import Uplink
from ingest.preparation import privacy_of
from stadtfunk.decoding import registry
from stadtfunk.redecode import CHUNK, Effort, redecode
from stadtfunk.redecode_workers import open_connection
from storage.arrays import encode
from storage.batch import DecoderKey, Outcome, Record
from storage.database import connect
from storage.maintenance import run_maintenance
from storage.redecode import Selection
from storage.redecode_rows import Slice, raw_uplinks, slices
from storage.redecode_tally import Tally
from storage.writer import Writer

DEVICES = 3000
START = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
BATCH = 2000
PROFILE = "Dragino LSE01"
ANOTHER = '''"""The built-in decoder with other results: every reading changes."""
from dataclasses import replace
from decoders.devices import dragino_lse01 as old

def decode(uplink, data):
    soil, health = old.decode(uplink, data)
    soil.__dict__["soil_moisture"] /= 2
    health.__dict__["battery_voltage"] /= 2
    return soil, health

DECODER = replace(old.DECODER, name="another_lse01", function=decode, profiles=())
'''


@dataclass(frozen=True, slots=True)
class Rates:
    """Uplinks a second: streaming alone, a dry run, a run that changes nothing, one that changes every reading."""

    streamed: float
    dry: float
    unchanged: float
    changed: float


def redecoding(rig: Rig, uplinks: int, *, workers: int = 2) -> Rates:
    """Fill an empty database, then decode everything again and again."""
    rig.fresh_schema()
    as_stored, changed = (_settings(rig, **more) for more in ({}, _another(rig.folder)))
    asyncio.run(_fill(as_stored, uplinks))
    asyncio.run(_maintain(as_stored))
    with rig.connect() as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    effort = Effort(workers=workers)
    return Rates(
        _timed(uplinks, partial(_stream, as_stored, uplinks)),
        _timed(uplinks, partial(_redecode, as_stored, effort, dry_run=True)),
        _timed(uplinks, partial(_redecode, as_stored, effort)),
        _timed(uplinks, partial(_redecode, changed, effort, changes=2 * uplinks)),
    )


def _settings(rig: Rig, **more: object) -> Settings:
    return Settings.model_validate({"database": {"dsn": rig.dsn}, **more})


def _another(folder: Path) -> dict[str, object]:
    """Settings under which the devices have another decoder."""
    decoders = folder / "decoders"
    decoders.mkdir(exist_ok=True)
    (decoders / "another_lse01.py").write_text(ANOTHER)
    return {"decoder_folders": [decoders], "mapping": {"profiles": {PROFILE: "another_lse01"}}}


async def _fill(settings: Settings, uplinks: int) -> None:
    writer = Writer(partial(connect, settings.database))
    batch: list[Record] = []
    try:
        for record in _records(settings, uplinks):
            batch.append(record)
            if len(batch) == BATCH:
                await writer.write(batch)
                batch.clear()
        if batch:
            await writer.write(batch)
    finally:
        await writer.close()


async def _maintain(settings: Settings) -> None:
    """Rollups as a running service keeps them: the runs pay for their own changes only."""
    async with await connect(settings.database) as connection:
        await run_maintenance(connection, settings.retention, now=datetime.now(UTC))


def _records(settings: Settings, uplinks: int) -> Iterator[Record]:
    """Devices take turns and come round every 20 minutes."""
    known = registry(settings)
    choice = DeviceMapping(settings.mapping, known).resolve(_uplink(0))
    assert choice is not None
    key, privacy = DecoderKey(choice.decoder.name, choice.decoder.version, choice.file_hash), privacy_of(choice.decoder)
    for number in range(uplinks):
        uplink = _uplink(number)
        readings = choice.decoder.decode(uplink).readings
        yield Record("bench", "", b"", uplink.received_at, uplink, Outcome.DECODED, readings, key, privacy)


def _uplink(number: int) -> Uplink:
    device, f_cnt = number % DEVICES, number // DEVICES
    at = START + number * timedelta(minutes=20) / DEVICES
    payload = struct.pack(">HhHhHB", 3600, 241, 2000 + number % 2000, 1480, 346, 0x10)
    return Uplink(
        "bench", f"24e124460e{device:06x}", f_cnt, 2, payload, ns_time=at, received_at=at + timedelta(milliseconds=80),
        dev_addr=f"01{device:06x}", data_rate="SF7BW125", frequency=868_100_000, event_time=at, device_profile=PROFILE,
    )  # fmt: skip


def _timed(uplinks: int, run: "partial[None]") -> float:
    started = time.perf_counter()
    run()
    return uplinks / (time.perf_counter() - started)


def _stream(settings: Settings, uplinks: int) -> None:
    assert asyncio.run(_streamed(settings)) == uplinks


async def _streamed(settings: Settings) -> int:
    within = Slice(START, datetime.now(UTC))
    async with await open_connection(settings) as connection:
        devices = encode("integer", range(1, DEVICES + 1))
        found = 0
        for one in await slices(connection, devices, within, size=CHUNK):
            found += len(await raw_uplinks(connection, devices, one))
    return found


def _redecode(settings: Settings, effort: Effort, *, dry_run: bool = False, changes: int = 0) -> None:
    """A rate counts only if everything was decoded, and as many readings changed as should."""
    selection = Selection(START, datetime.now(UTC))
    tally: Tally = asyncio.run(redecode(settings, selection, dry_run=dry_run, effort=effort)).tally
    found = sum(kind.change for kind in tally.kinds.values())
    if found != changes or tally.refused:
        raise AssertionError(f"{found} readings changed instead of {changes}: {tally.counts()}")
