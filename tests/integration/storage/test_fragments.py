"""Payloads in parts through the real pipeline and the real databases: whatever the order, stored whole exactly once."""

import asyncio
import json
import os
import random
import subprocess
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from prometheus_client import CollectorRegistry

from config.settings import Settings
from decoders.errors import RejectReason
from decoders.keys import NO_KEYS, KeyRing
from decoders.mapping import DeviceMapping
from decoders.registry import Registry
from decoders.settings import MappingSettings
from decoders.uplink import Uplink
from ingest import pipeline as pipeline_module
from ingest.assembly import Assembler
from ingest.delivery import Delivery
from ingest.formats import WireFormat, parser_for
from ingest.metrics import Metrics
from ingest.outage import Outage
from ingest.pipeline import Pipeline
from ingest.preparation import Preparation
from stadtfunk.retry import retry
from storage.batch import Record, WriteResult
from storage.database import Connection, Role, connect
from storage.failures import Retryable
from storage.fragments import Span, find_waiting
from storage.rejected import Selection
from storage.spool import Spool, SpoolSettings
from storage.writer import Writer
from tests.integration.storage.conftest import plain_store
from tests.support.postgres import PostgresServer
from tests.support.store import Store
from tests.unit.decoders.test_kamstrup import KEY
from tests.unit.decoders.test_kamstrup import encrypted as kamstrup_payload

T = TypeVar("T")

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
BRIDGE = "70b3d57ed0000001"
SEQUENCES = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "sequences" / "lobaro_wmbus.json").read_text())
}
READINGS = "SELECT subject, observed_at, energy, uplink_ns_time, uplink_f_cnt, decoder_id FROM heat_meter ORDER BY 1, 2"
OUTCOMES = "SELECT f_cnt, outcome FROM uplink ORDER BY ns_time, f_cnt"
DEADLINE = 20.0


def parts(name: str, *, after: timedelta = timedelta(0), first: int = 1000, device: str = BRIDGE) -> list[Uplink]:
    return [
        Uplink(
            "city",
            device,
            first + index,
            part["f_port"],
            bytes.fromhex(part["hex"]),
            NOW + after + timedelta(seconds=10 * index),
            NOW + after + timedelta(seconds=10 * index),
            dev_addr="01020304",
        )
        for index, part in enumerate(SEQUENCES[name]["sequence"])
    ]


def mapping(keys: KeyRing = NO_KEYS, name: str = "lobaro_wmbus") -> DeviceMapping:
    registry = Registry.load()
    entry = registry.entries[name]
    bound = replace(entry, decoder=entry.decoder.bound(keys))
    return DeviceMapping(MappingSettings(default=name), replace(registry, entries={name: bound}, profiles={}))


class Line:
    """A pipeline on a database; its deliveries name uplinks by their topic."""

    def __init__(self, store: Store, spool: Spool | None = None, keys: KeyRing = NO_KEYS) -> None:
        self.writer = Writer(partial(connect, store.settings, role=Role.INGEST))
        self.metrics = Metrics(CollectorRegistry())
        self.outage = Outage(spool, patience=0.0)
        self._uplinks: dict[str, Uplink] = {}
        self.parsers = {"city": lambda delivery: self._uplinks[delivery.topic]}
        self.preparation = Preparation(self.parsers, mapping(keys))
        self.pipeline = Pipeline(self.preparation, self.writer, self.outage, self.metrics)

    async def submit(self, *uplinks: Uplink) -> WriteResult | None:
        return await self.pipeline.submit([self._delivery(uplink) for uplink in uplinks])

    @property
    def turn(self) -> asyncio.Lock:
        return self.pipeline._turn

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.turn:
            return await self.writer.read(question)

    def _delivery(self, uplink: Uplink) -> Delivery:
        topic = f"{uplink.dev_eui}/{uplink.ns_time}/{uplink.f_cnt}"
        self._uplinks[topic] = uplink
        return Delivery("city", topic, b"message", uplink.received_at)


def run(store: Store, story: Callable[[Line], Awaitable[T]], spool: Spool | None = None, keys: KeyRing = NO_KEYS) -> T:
    """`story` with a pipeline of its own, as in a process of its own."""

    async def scenario() -> T:
        line = Line(store, spool, keys)
        try:
            async with asyncio.timeout(DEADLINE):
                return await story(line)
        finally:
            await line.pipeline.close()
            await line.writer.close()

    return asyncio.run(scenario())


def in_batches(store: Store, *batches: Sequence[Uplink]) -> None:
    async def story(line: Line) -> None:
        for batch in batches:
            await line.submit(*batch)

    run(store, story)


def outcomes(store: Store) -> list[str]:
    return [row["outcome"] for row in store.execute(OUTCOMES)]


def is_whole(store: Store, name: str = "c5isf_2") -> None:
    """The set is there once, under its last part's key, and all parts say so."""
    last = parts(name)[-1]
    [row] = store.execute(READINGS)
    assert row["subject"] == "ZRI32022703"
    assert row["energy"] == 517.0
    assert (row["uplink_ns_time"], row["uplink_f_cnt"], row["observed_at"]) == (last.ns_time, last.f_cnt, last.ns_time)
    assert row["decoder_id"] is not None
    assert outcomes(store) == ["decoded"] * len(parts(name))


def test_parts_of_one_batch_become_one_reading(store: Store) -> None:
    in_batches(store, parts("c5isf_2"))
    is_whole(store)
    states = store.execute("SELECT uplinks, duplicates, outcome FROM device_state")
    assert states == [{"uplinks": 3, "duplicates": 0, "outcome": "decoded"}]
    touched = store.execute("SELECT count(*) FROM rollup_touched WHERE kind = 'heat_meter'")
    assert touched[0]["count"] > 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_the_order_of_arrival_and_the_cut_into_batches_make_no_difference(store: Store, order: tuple[int, ...]) -> None:
    found = parts("c5isf_2")
    in_batches(store, *([found[index]] for index in order))
    is_whole(store)


def test_parts_that_come_again_change_nothing(store: Store) -> None:
    found = parts("c5isf_2")
    in_batches(store, [found[0]], [found[0], found[1]], found, found[::-1], found)
    is_whole(store)


def test_a_lost_part_leaves_the_others_as_fragments_until_it_comes(store: Store) -> None:
    first, second, third = parts("c5isf_2")
    in_batches(store, [first, third])
    assert store.execute(READINGS) == []
    assert outcomes(store) == ["fragment", "fragment"]
    in_batches(store, [second])
    is_whole(store)


def test_many_bridges_in_a_shuffled_stream_lose_and_mix_nothing(store: Store) -> None:
    draw = random.Random(4)
    stream = [
        uplink
        for bridge in range(12)
        for number in range(4)
        for uplink in parts("c5isf_2", after=timedelta(minutes=5 * number), first=10 * number, device=f"{bridge:016x}")
    ]
    lost = draw.randrange(len(stream))
    kept = stream[:lost] + stream[lost + 1 :]
    draw.shuffle(kept)
    in_batches(store, *(kept[at : at + 7] for at in range(0, len(kept), 7)))
    assert len(store.execute(READINGS)) == 12 * 4 - 1
    assert outcomes(store).count("fragment") == 2
    assert outcomes(store).count("decoded") == len(kept) - 2


def test_a_crash_between_the_two_commits_heals_at_the_next_start(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "LOOK_EVERY", 0.05)

    async def crash(line: Line) -> None:
        line.pipeline._assembler = Blind()
        await line.submit(*parts("c5isf_2"))

    async def restart(line: Line) -> None:
        healing = asyncio.create_task(line.pipeline.heal())
        while not await line.ask(readings):
            await asyncio.sleep(0.02)
        async with line.turn:  # not in the middle of a question
            healing.cancel()

    run(store, crash)
    assert outcomes(store) == ["fragment"] * 3
    run(store, restart)
    is_whole(store)


def test_what_is_older_than_the_window_is_left_alone(store: Store) -> None:
    in_batches(store, parts("c5isf_2")[:2])

    async def ask(line: Line) -> tuple[dict[str, Span], dict[str, Span]]:
        since = partial(find_waiting, since=NOW)
        return await line.ask(since), await line.ask(partial(find_waiting, since=NOW + timedelta(hours=1)))

    waiting, later = run(store, ask)
    assert waiting == {BRIDGE: Span(NOW, NOW + timedelta(seconds=10))}
    assert later == {}


def test_waiting_devices_are_asked_for_page_by_page(store: Store) -> None:
    devices = [f"{number:016x}" for number in range(5)]
    in_batches(store, [parts("c5isf_2", device=device)[0] for device in devices])

    async def ask(line: Line) -> list[list[str]]:
        pages, after = [], ""
        while page := await line.ask(partial(find_waiting, since=NOW, after=after, limit=2)):
            pages.append(list(page))
            after = list(page)[-1]
        return pages

    assert run(store, ask) == [devices[:2], devices[2:4], devices[4:]]


def test_a_database_that_goes_away_in_between_delays_only_the_whole(store: Store) -> None:
    async def story(line: Line) -> None:
        write = line.writer.write

        async def away(records: Sequence[Record], *, redecode: bool = False) -> WriteResult:
            if redecode:
                raise Retryable("away")
            return await write(records)

        line.writer.write = away
        stored = await line.submit(*parts("c5isf_2"))
        assert stored is not None
        assert stored.uplinks == 3
        assert outcomes_of(await line.ask(states)) == {"fragment"}
        line.writer.write = write
        await line.pipeline.settle()

    run(store, story)
    is_whole(store)


def test_parts_may_pass_through_the_spool(store: Store, tmp_path: Path) -> None:
    spool = Spool(SpoolSettings(path=tmp_path / "spool.sqlite"))

    async def story(line: Line) -> None:
        first, second, third = parts("c5isf_2")
        await line.submit(third)
        line.outage.spooling = True
        assert await line.submit(first, second) is None
        draining = asyncio.create_task(line.pipeline.drain())
        while spool.depth:
            await asyncio.sleep(0.02)
        draining.cancel()

    try:
        run(store, story, spool)
    finally:
        spool.close()
    is_whole(store)


def test_a_whole_that_is_refused_is_kept_with_its_reason_once(store: Store) -> None:
    in_batches(store, parts("engelmann_faw_1"), parts("engelmann_faw_1"))
    assert outcomes(store) == ["failed"] * 3
    [row] = store.execute("SELECT reason, detail, dev_eui, decoder, payload FROM rejected")
    assert (row["reason"], row["dev_eui"], row["decoder"]) == ("wrong_medium", BRIDGE, "lobaro_wmbus")
    assert row["payload"] == b""


def test_two_processes_may_find_the_same_set(store: Store) -> None:
    async def story(line: Line) -> None:
        line.pipeline._assembler = Blind()
        await line.submit(*parts("c5isf_2"))
        one, other = Assembler(), Assembler()
        for assembler in (one, other):
            assembler.look_at({BRIDGE: Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1))})
        sets = await line.ask(states)
        assert outcomes_of(sets) == {"fragment"}
        await one.run(line.writer, line.preparation.mapping)
        other._due = {BRIDGE: Span(NOW - timedelta(hours=1), NOW + timedelta(hours=1))}
        await other.run(line.writer, line.preparation.mapping)
        assert not one.due and not other.due

    run(store, story)
    is_whole(store)


def encrypted_parts() -> list[Uplink]:
    """A telegram in OMS mode 5 that needs two uplinks."""
    meter = bytes.fromhex("a511 69696969 40 04")
    plain = (b"\x2f\x2f" + bytes.fromhex("0c0697510000 0c1384934500 0a5a0602")).ljust(64, b"\x2f")
    cipher = Cipher(AES128(KEY), CBC(meter + b"\xbe" * 8)).encryptor()
    telegram = b"\x44" + meter + b"\x7a\xbe\x00\x40\x05" + cipher.update(plain) + cipher.finalize()
    frame = bytes((len(telegram),)) + telegram
    made = parts("compact5_1")
    return [replace(made[0], payload=frame[:50]), replace(made[1], payload=frame[50:])]


@pytest.fixture
def plain(postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    """Another try holds two connections, of which PGlite has one."""
    with plain_store(postgres, migrated_template) as store:
        yield store


def test_a_telegram_whose_key_comes_later_is_decoded_by_another_try(plain: Store, tmp_path: Path) -> None:
    store = plain
    in_batches(store, encrypted_parts())
    assert outcomes(store) == ["failed", "failed"]
    assert [row["reason"] for row in store.execute("SELECT reason FROM rejected")] == ["key_missing"]
    settings = Settings(database=store.settings, mapping=MappingSettings(default="lobaro_wmbus"))
    none = asyncio.run(retry(settings, Selection()))
    assert (none.resolved, none.still[RejectReason.KEY_MISSING]) == (0, 1)
    keys = tmp_path / "keys.yaml"
    keys.write_text(f"DME-69696969: {KEY.hex()}\n")
    keys.chmod(0o600)
    done = asyncio.run(retry(settings.model_copy(update={"meter_keys_file": keys}), Selection()))
    assert (done.resolved, done.result.readings) == (1, {"heat_meter": 1})
    assert [(row["subject"], row["energy"]) for row in store.execute(READINGS)] == [("DME69696969", 5197.0)]
    assert outcomes(store) == ["decoded", "decoded"]
    assert store.execute("SELECT count(*) FROM rejected WHERE resolved_at IS NULL")[0]["count"] == 0


def test_parts_of_orphans_are_made_whole_when_they_get_a_decoder(plain: Store) -> None:
    """Their messages are ChirpStack's, since another try parses what was kept."""
    store = plain
    events = [_chirpstack(uplink) for uplink in parts("c5isf_2")]
    settings = Settings(
        database=store.settings,
        sources=({"name": "city", "format": "chirpstack", "host": "127.0.0.1"},),
    )

    async def story(line: Line) -> None:
        orphans = Preparation(
            {"city": parser_for(WireFormat.CHIRPSTACK)}, DeviceMapping(MappingSettings(), Registry.load())
        )
        line.pipeline.reload(orphans)
        await line.pipeline.submit(events)

    run(store, story)
    assert outcomes(store) == ["orphan"] * 3
    mapped = settings.model_copy(update={"mapping": MappingSettings(default="lobaro_wmbus")})
    done = asyncio.run(retry(mapped, Selection()))
    assert (done.resolved, done.result.readings) == (3, {"heat_meter": 1})
    is_whole(store)


def _chirpstack(uplink: Uplink) -> Delivery:
    event = {
        "deduplicationId": str(uuid4()),
        "time": uplink.ns_time.isoformat(),
        "deviceInfo": {"applicationId": "app", "devEui": uplink.dev_eui, "deviceName": "bridge"},
        "devAddr": uplink.dev_addr,
        "fCnt": uplink.f_cnt,
        "fPort": uplink.f_port,
        "data": b64encode(uplink.payload).decode(),
    }
    topic = f"application/app/device/{uplink.dev_eui}/event/up"
    return Delivery("city", topic, json.dumps(event).encode(), uplink.received_at)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_short_headers_are_explained_by_a_long_one_whenever_it_comes(store: Store, order: tuple[int, ...]) -> None:
    keys = KeyRing({"KAM66666666": KEY})
    found = [_kamstrup(1, long=True), _kamstrup(2, long=False), _kamstrup(3, long=False)]

    async def story(line: Line) -> None:
        line.pipeline.reload(Preparation(line.parsers, mapping(keys, "kamstrup_multical")))
        for index in order:
            await line.submit(found[index])

    run(store, story)
    assert outcomes(store) == ["decoded"] * 3
    rows = store.execute(READINGS)
    assert [(row["subject"], row["uplink_f_cnt"], row["energy"]) for row in rows] == [
        ("KAM66666666", number, 3195.0) for number in (1, 2, 3)
    ]


def _kamstrup(f_cnt: int, *, long: bool) -> Uplink:
    at = NOW + timedelta(minutes=f_cnt)
    payload = kamstrup_payload(f_cnt, long=long)
    return Uplink("city", BRIDGE, f_cnt, 6 if long else 4, payload, at, at, dev_addr="01020304")


@pytest.mark.parametrize("point", ["after_commit:1", "before_commit:2", "after_commit:2"])
def test_a_process_that_dies_around_the_two_commits_leaves_what_heals(plain: Store, point: str, tmp_path: Path) -> None:
    export = tmp_path / "export.ndjson"
    export.write_text("\n".join(_exported(uplink) for uplink in parts("c5isf_2")))
    config = tmp_path / "stadtfunk.yaml"
    content = {
        "sources": [{"name": "city", "format": "thethings"}],
        "database": {"dsn": plain.settings.dsn},
        "mapping": {"default": "lobaro_wmbus"},
    }
    config.write_text(json.dumps(content))
    command = [sys.executable, "-m", "stadtfunk", "replay", str(export), "--source", "city", "--config", str(config)]
    died = subprocess.run(command, env=os.environ | {"STADTFUNK_FAULT": point}, timeout=60, check=False)
    assert died.returncode == 137
    assert (outcomes(plain) == ["decoded"] * 3) is (point == "after_commit:2")
    run(plain, lambda line: line.pipeline._look_for_waiting(NOW - timedelta(days=1)))
    is_whole(plain)
    again = subprocess.run(command, timeout=60, check=False)
    assert again.returncode == 0
    is_whole(plain)


def _exported(uplink: Uplink) -> str:
    at = uplink.ns_time.isoformat()
    message = {
        "f_port": uplink.f_port,
        "f_cnt": uplink.f_cnt,
        "frm_payload": b64encode(uplink.payload).decode(),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "g1"}, "rssi": -100, "snr": 5}],
        "settings": {"data_rate": {"lora": {"bandwidth": 125000, "spreading_factor": 9}}, "frequency": "868100000"},
        "received_at": at,
    }
    ids = {"device_id": "bridge", "application_ids": {"application_id": "cellar"}, "dev_eui": uplink.dev_eui.upper()}
    return json.dumps({"result": {"end_device_ids": ids, "received_at": at, "uplink_message": message}})


class Blind(Assembler):
    """Stands for a process that ends between the commit of the parts and that of the whole."""

    def note(self, records: object) -> None:
        """Nothing is looked at."""


async def readings(connection: Connection) -> list[tuple]:
    return await (await connection.execute(READINGS)).fetchall()


async def states(connection: Connection) -> list[tuple]:
    return await (await connection.execute(OUTCOMES)).fetchall()


def outcomes_of(rows: list[tuple]) -> set[str]:
    return {row[1] for row in rows}
