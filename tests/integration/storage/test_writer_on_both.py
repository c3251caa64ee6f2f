"""The writer gives the same rows on PostgreSQL and on TimescaleDB, also when late data meet compressed chunks."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from decoders.errors import RejectReason
from decoders.readings import HeatMeter, TreeMoisture
from decoders.uplink import Privacy, Reception, Uplink
from storage.batch import DecoderKey, Outcome, Record, WriteResult
from storage.database import Role, connect
from storage.writer import Writer
from tests.support.store import Rows, Store

AT = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
"""The night in which the clocks go back."""

TREES = DecoderKey("dragino_lse01", 1, "abcdef123456")
METERS = DecoderKey("elvaco_cmi41xx", 2, "123456abcdef")

TABLES = {
    "uplink": "SELECT device_id, ns_time, f_cnt, outcome, flags, payload_crc FROM uplink ORDER BY 1, 2, 3",
    "reception": "SELECT ns_time, device_id, gateway_id, rssi, snr FROM reception ORDER BY 1, 2, 3",
    "public": "SELECT device_id, ns_time, payload FROM payload_public ORDER BY 1, 2",
    "household": "SELECT device_id, ns_time, payload FROM payload_household ORDER BY 1, 2",
    "trees": "SELECT device_id, observed_at, soil_moisture, flags FROM tree_moisture ORDER BY 1, 2",
    "meters": "SELECT device_id, subject, observed_at, energy FROM heat_meter ORDER BY 1, 2, 3",
    "states": "SELECT device_id, last_f_cnt, session_uplinks, earlier_gaps, duplicates FROM device_state ORDER BY 1",
    "rejected": "SELECT reason, topic, payload, times_seen FROM rejected ORDER BY digest",
}


def uplink(device: int, f_cnt: int, *, at: datetime = AT) -> Uplink:
    time = at + timedelta(minutes=20 * f_cnt, seconds=device)
    return Uplink(
        "city",
        f"{device:016x}",
        f_cnt,
        2,
        b"%d/%d" % (device, f_cnt),
        time,
        time,
        dev_addr=f"{device:08x}",
        data_rate="SF9BW125",
        frequency=867_100_000,
        event_time=time,
        receptions=(Reception("00a1", -101, 3.25), Reception("00a2", -117, -8.5)),
    )


def tree(one: Uplink) -> Record:
    reading = TreeMoisture.of(one, soil_moisture=20.0 + one.f_cnt)
    return Record("city", "t", b"", one.received_at, one, Outcome.DECODED, (reading,), TREES, Privacy.PUBLIC)


def meter(one: Uplink) -> Record:
    reading = HeatMeter.of(one, subject="64313374", energy=12_474.0 + one.f_cnt)
    return Record("city", "t", b"", one.received_at, one, Outcome.DECODED, (reading,), METERS, Privacy.HOUSEHOLD)


def batches() -> list[list[Record]]:
    """A story with everything in it: new frames, gaps, redelivery, late copies, a re-join, poison."""
    first = [tree(uplink(1, n)) for n in (0, 1, 5)] + [meter(uplink(2, n)) for n in range(4)]
    copy = uplink(1, 5)
    late_copy = replace(copy, ns_time=copy.ns_time + timedelta(seconds=2), receptions=(Reception("00a3", -120, -12.0),))
    rejoin = replace(uplink(1, 0, at=AT + timedelta(hours=3)), dev_addr="0badcafe")
    poison = Record("city", "broken", b"\x00{", AT, reason=RejectReason.MALFORMED, detail="no JSON")
    return [first, first, [tree(late_copy), tree(uplink(1, 3)), poison], [tree(rejoin), poison]]


def write(store: Store, story: Sequence[Sequence[Record]]) -> list[WriteResult]:
    async def scenario() -> list[WriteResult]:
        writer = Writer(partial(connect, store.settings, role=Role.INGEST))
        try:
            return [await writer.write(batch) for batch in story]
        finally:
            await writer.close()

    return asyncio.run(scenario())


def contents(store: Store) -> dict[str, Rows]:
    return {name: store.execute(query) for name, query in TABLES.items()}


def test_the_same_story_gives_the_same_rows(stores: tuple[Store, Store]) -> None:
    plain, timescale = stores
    results = [write(store, batches()) for store in stores]
    assert results[0] == results[1]
    assert [result.uplinks for result in results[0]] == [7, 0, 1, 1]
    assert [result.duplicates for result in results[0]] == [0, 7, 1, 0]
    ours, theirs = contents(plain), contents(timescale)
    assert ours == theirs
    assert [len(ours[name]) for name in ("uplink", "reception", "trees", "meters", "rejected")] == [9, 19, 5, 4, 1]


@pytest.mark.parametrize("migrated", ["timescaledb"], indirect=True)
def test_a_redelivery_into_compressed_chunks_is_still_a_duplicate(store: Store) -> None:
    [first] = write(store, [[tree(uplink(1, n)) for n in range(0, 10, 2)]])
    assert first.uplinks == 5
    for table in ("uplink", "reception", "tree_moisture"):
        compressed = store.execute(
            "SELECT compress_chunk(c) FROM show_chunks(%s::regclass) AS c", f"stadtfunk.{table}", role=Role.OWNER
        )
        assert compressed
    [again] = write(store, [[tree(uplink(1, n)) for n in range(10)]])
    assert (again.uplinks, again.duplicates, again.readings) == (5, 5, {"tree_moisture": 5})
    assert len(store.execute("SELECT * FROM tree_moisture")) == 10
