"""The batch writer on a real database: stored once, whatever comes twice; neighbours of a bad row stay whole."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from decoders.errors import RejectReason
from decoders.events import DeviceEvent, DeviceEventKind, GatewayConnection, GatewayStats
from decoders.readings import DeviceHealth, TreeMoisture
from decoders.uplink import Privacy, Reception, Uplink, UplinkFlag
from storage.batch import DecoderKey, Outcome, Record, WriteResult
from storage.database import Role, connect
from storage.failures import Retryable
from storage.settings import DatabaseSettings, Timeouts
from storage.writer import Writer

AT = datetime(2026, 11, 24, 8, 0, 0, 500000, tzinfo=UTC)
LSE01 = DecoderKey("dragino_lse01", 1, "abcdef123456")
MOISTURE = 31.5


def uplink(f_cnt: int = 1, *, device: int = 1, late: timedelta = timedelta(0), gateways: int = 2) -> Uplink:
    at = AT + timedelta(minutes=f_cnt)
    return Uplink(
        source="city",
        dev_eui=f"{device:016x}",
        f_cnt=f_cnt,
        f_port=2,
        payload=b"payload %d" % f_cnt,
        ns_time=at + late,
        received_at=at + late + timedelta(milliseconds=20),
        dev_addr="01f3c2a7",
        data_rate="SF7BW125",
        frequency=868_100_000,
        event_time=at,
        deduplication_id="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        receptions=tuple(Reception(f"7276ff002e0605{n:02x}", -90 - n, 7.5) for n in range(gateways)),
        device_name="Baum 1",
        device_profile="Dragino LSE01",
        application="Bäume",
        tags={"stadtteil": "Neustadt"},
    )


def record(one: Uplink, *, moisture: float | None = MOISTURE) -> Record:
    reading = TreeMoisture.of(one, soil_moisture=moisture)
    return Record(
        "city", "topic", b"{}", one.received_at, one, Outcome.DECODED, (reading,), LSE01, privacy=Privacy.PUBLIC
    )


@pytest.fixture
async def writer(database_settings: DatabaseSettings) -> AsyncIterator[Writer]:
    made = Writer(partial(connect, database_settings, role=Role.INGEST))
    yield made
    await made.close()


@pytest.fixture
def sql(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True, options="-c search_path=stadtfunk") as connection:
        yield connection


def rows(sql: psycopg.Connection, query: str) -> list[tuple[object, ...]]:
    return sql.execute(query).fetchall()  # type: ignore[arg-type]


def count(sql: psycopg.Connection, table: str) -> int:
    return int(rows(sql, f"SELECT count(*) FROM {table}")[0][0])  # type: ignore[call-overload]


async def test_one_uplink_fills_every_table_in_one_transaction(writer: Writer, sql: psycopg.Connection) -> None:
    result = await writer.write([record(uplink())])
    assert result == WriteResult(uplinks=1, readings={"tree_moisture": 1}, attempts=1)
    [stored] = rows(
        sql,
        "SELECT d.dev_eui, d.tags, u.ns_time, u.f_cnt, u.outcome, v.name, s.name FROM uplink u "
        "JOIN device d ON d.id = u.device_id JOIN decoder_version v ON v.id = u.decoder_id "
        "JOIN source s ON s.id = u.source_id",
    )
    at = AT + timedelta(minutes=1)
    assert stored == (f"{1:016x}", {"stadtteil": "Neustadt"}, at, 1, "decoded", "dragino_lse01", "city")
    assert rows(sql, "SELECT observed_at, soil_moisture, uplink_f_cnt FROM tree_moisture") == [
        (at.replace(microsecond=0), MOISTURE, 1)
    ]
    assert rows(sql, "SELECT payload FROM payload_public") == [(b"payload 1",)]
    assert rows(sql, "SELECT rssi, snr FROM reception ORDER BY rssi") == [(-91, 7.5), (-90, 7.5)]
    assert rows(sql, "SELECT last_f_cnt, uplinks, outcome FROM device_state") == [(1, 1, "decoded")]
    hour = AT.replace(minute=0, second=0, microsecond=0)
    assert rows(sql, "SELECT kind, hour FROM rollup_touched ORDER BY kind") == [
        ("radio", hour),
        ("tree_moisture", hour),
    ]
    assert count(sql, "gateway") == 2


async def test_a_redelivery_is_a_duplicate_and_changes_nothing(writer: Writer, sql: psycopg.Connection) -> None:
    batch = [record(uplink(f_cnt)) for f_cnt in range(5)]
    await writer.write(batch)
    again = await writer.write(batch)
    assert (again.uplinks, again.duplicates, again.readings) == (0, 5, {})
    assert [count(sql, table) for table in ("uplink", "reception", "payload_public", "tree_moisture")] == [5, 10, 5, 5]
    assert rows(sql, "SELECT uplinks, duplicates FROM device_state") == [(5, 5)]


async def test_a_message_twice_in_one_batch_is_stored_once(writer: Writer, sql: psycopg.Connection) -> None:
    result = await writer.write([record(uplink()), record(uplink())])
    assert (result.uplinks, result.duplicates) == (1, 1)
    assert [count(sql, table) for table in ("uplink", "reception", "tree_moisture")] == [1, 2, 1]


@pytest.mark.parametrize("together", [True, False])
async def test_a_late_gateway_copy_adds_its_reception_to_the_first(
    writer: Writer, sql: psycopg.Connection, together: bool
) -> None:
    first = uplink(gateways=1)
    copy = replace(
        uplink(late=timedelta(milliseconds=700)), deduplication_id="", receptions=(Reception("00ff", -118, -9.0),)
    )
    batches = [[record(first), record(copy)]] if together else [[record(first)], [record(copy)]]
    results = [await writer.write(batch) for batch in batches]
    assert sum(result.uplinks for result in results) == 1
    assert sum(result.duplicates for result in results) == 1
    assert rows(sql, "SELECT DISTINCT ns_time FROM reception") == [(first.ns_time,)]
    assert [count(sql, table) for table in ("uplink", "reception", "tree_moisture")] == [1, 2, 1]


async def test_the_same_counter_after_the_window_or_with_other_payload_is_a_new_uplink(
    writer: Writer, sql: psycopg.Connection
) -> None:
    first = uplink()
    await writer.write([record(first)])
    later = replace(first, ns_time=first.ns_time + timedelta(minutes=16), event_time=None)
    other = replace(first, ns_time=first.ns_time + timedelta(minutes=1), payload=b"other", event_time=None)
    rejoined = replace(first, ns_time=first.ns_time + timedelta(minutes=2), dev_addr="02000000", event_time=None)
    result = await writer.write([record(later), record(other), record(rejoined)])
    assert (result.uplinks, result.duplicates) == (3, 0)
    assert count(sql, "uplink") == 4


async def test_gaps_are_counted_and_late_frames_close_them(writer: Writer) -> None:
    result = await writer.write([record(uplink(0)), record(uplink(10))])
    assert (result.gaps, result.gaps_filled) == (9, 0)
    result = await writer.write([record(uplink(4))])
    assert (result.gaps, result.gaps_filled) == (0, 1)


async def test_a_new_writer_knows_what_the_old_one_stored(
    writer: Writer, database_settings: DatabaseSettings, sql: psycopg.Connection
) -> None:
    other = Writer(partial(connect, database_settings, role=Role.INGEST))
    await writer.write([record(uplink(1))])
    await other.write([record(uplink(2))])
    await writer.write([record(uplink(3))])
    await other.close()
    assert rows(sql, "SELECT last_f_cnt, uplinks, session_uplinks FROM device_state") == [(3, 3, 3)]


async def test_an_unexpected_duplicate_is_found_without_the_devices_state(
    database_settings: DatabaseSettings, writer: Writer, sql: psycopg.Connection
) -> None:
    await writer.write([record(uplink(1))])
    sql.execute("DELETE FROM device_state")
    other = Writer(partial(connect, database_settings, role=Role.INGEST))
    result = await other.write([record(uplink(1)), record(uplink(2))])
    await other.close()
    assert (result.uplinks, result.duplicates, result.readings) == (1, 1, {"tree_moisture": 1})
    assert [count(sql, table) for table in ("uplink", "reception", "payload_public", "tree_moisture")] == [2, 4, 2, 2]


async def test_the_bad_row_alone_is_quarantined(writer: Writer, sql: psycopg.Connection) -> None:
    sql.execute("ALTER TABLE tree_moisture ADD CONSTRAINT refuse CHECK (soil_moisture <> 13)")
    batch = [record(uplink(f_cnt), moisture=13 if f_cnt == 250 else 20) for f_cnt in range(500)]
    result = await writer.write(batch)
    assert (result.uplinks, result.quarantined, result.rejected) == (499, 1, {"database_refused": 1})
    assert result.attempts <= 20
    assert [count(sql, table) for table in ("uplink", "tree_moisture")] == [499, 499]
    assert rows(sql, "SELECT reason, payload FROM rejected") == [("database_refused", b"{}")]


async def test_values_that_no_column_takes_are_isolated_before_they_are_sent(
    writer: Writer, sql: psycopg.Connection
) -> None:
    huge = replace(uplink(2), f_cnt=2**70)
    result = await writer.write([record(uplink(1)), record(huge), record(uplink(3))])
    assert (result.uplinks, result.quarantined) == (2, 1)
    assert count(sql, "uplink") == 2


async def test_rejected_messages_keep_their_bytes_and_count_their_repeats(
    writer: Writer, sql: psycopg.Connection
) -> None:
    bad = Record("city", "a\0topic", b"\x00{", AT, reason=RejectReason.MALFORMED, detail="no JSON \ud800")
    first = await writer.write([bad, record(uplink())])
    again = await writer.write([bad])
    assert (first.rejected, again.rejected) == ({"malformed": 1}, {})
    [(payload, topic, times_seen)] = rows(sql, "SELECT payload, topic, times_seen FROM rejected")
    assert (payload, topic, times_seen) == (b"\x00{", "a\N{REPLACEMENT CHARACTER}topic", 2)


async def test_undecodable_uplinks_are_stored_without_reading(writer: Writer, sql: psycopg.Connection) -> None:
    mac_only = replace(uplink(), flags=UplinkFlag.MAC_ONLY, payload=b"", f_port=0)
    await writer.write([Record("city", "t", b"{}", AT, mac_only, Outcome.NOT_DECODABLE)])
    assert rows(sql, "SELECT outcome, flags FROM uplink") == [("not_decodable", int(UplinkFlag.MAC_ONLY))]
    assert count(sql, "payload_household") == 0


async def test_events_and_gateways_are_kept_once(writer: Writer, sql: psycopg.Connection) -> None:
    eui, gateway = f"{1:016x}", "7276ff002e060500"
    status = DeviceEvent("city", DeviceEventKind.STATUS, eui, AT, AT, detail={"battery_level": 88.0})
    health = DeviceHealth(device=eui, observed_at=AT.replace(microsecond=0), battery_level=88.0)
    batch = [
        Record("city", "t", b"", AT, status, readings=(health,)),
        Record(
            "city", "t", b"", AT, GatewayStats("city", gateway, AT, AT, rx_received=12, latitude=50.0, longitude=8.2)
        ),
        Record("city", "t", b"", AT, GatewayConnection("city", gateway, True, AT)),
    ]
    first, again = await writer.write(batch), await writer.write(batch)
    assert (first.events, again.events) == (1, 0)
    assert rows(sql, "SELECT battery_level FROM device_health") == [(88.0,)]
    assert rows(sql, "SELECT online, latitude, stats_at FROM gateway") == [(True, 50.0, AT)]
    assert rows(sql, "SELECT rx_received FROM gateway_stats") == [(12,)]
    offline = GatewayConnection("city", gateway, False, AT - timedelta(minutes=1))
    await writer.write([Record("city", "t", b"", AT, offline)])
    assert rows(sql, "SELECT online FROM gateway") == [(True,)], "an older state must not win"


async def test_an_empty_location_leaves_the_gateways_place(writer: Writer, sql: psycopg.Connection) -> None:
    here = replace(uplink(1), receptions=(Reception("00ff", -90, 7.0, latitude=50.0, longitude=8.2),))
    unknown = replace(uplink(2), receptions=(Reception("00ff", -90, 7.0),))
    await writer.write([record(here)])
    await writer.write([record(unknown)])
    assert rows(sql, "SELECT latitude, longitude FROM gateway") == [(50.0, 8.2)]


async def test_a_renamed_device_keeps_its_identity(writer: Writer, sql: psycopg.Connection) -> None:
    await writer.write([record(uplink(1))])
    await writer.write([record(replace(uplink(2), device_name="Linde 7", tags={"stadtteil": "Altstadt"}))])
    await writer.write([record(replace(uplink(0), device_name="Baum 1"))])
    assert rows(sql, "SELECT name, tags FROM device") == [("Linde 7", {"stadtteil": "Altstadt"})]


async def test_decoding_again_adds_the_readings_of_a_stored_uplink(writer: Writer, sql: psycopg.Connection) -> None:
    one = uplink()
    failed = Record("city", "t", b"{}", AT, one, Outcome.FAILED, reason=RejectReason.NO_DECODER, detail="none")
    await writer.write([failed])
    assert count(sql, "tree_moisture") == 0
    maintenance = Writer(partial(connect, DatabaseSettings(dsn=str(sql.info.dsn)), role=Role.OWNER))
    result = await maintenance.write([record(one)], redecode=True)
    await maintenance.close()
    assert (result.uplinks, result.readings) == (0, {"tree_moisture": 1})
    assert rows(sql, "SELECT outcome FROM uplink") == [("decoded",)]


async def test_a_locked_table_is_retryable_and_answered(
    database_settings: DatabaseSettings, sql: psycopg.Connection
) -> None:
    hasty = database_settings.model_copy(update={"timeouts": Timeouts(lock=0.2)})
    writer = Writer(partial(connect, hasty, role=Role.INGEST))
    with sql.transaction():
        sql.execute("LOCK TABLE uplink IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Retryable) as caught:
            await writer.write([record(uplink())])
    assert caught.value.answered
    assert (await writer.write([record(uplink())])).uplinks == 1
    await writer.close()


async def test_a_killed_session_is_retryable_and_the_same_batch_is_stored_once(
    writer: Writer, sql: psycopg.Connection
) -> None:
    await writer.write([record(uplink(1))])
    sql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(Retryable) as caught:
        await writer.write([record(uplink(1)), record(uplink(2))])
    assert not caught.value.answered
    assert (await writer.write([record(uplink(1)), record(uplink(2))])).uplinks == 1
    assert count(sql, "uplink") == 2


async def test_a_cancelled_write_leaves_the_writer_usable(writer: Writer, sql: psycopg.Connection) -> None:
    await writer.write([record(uplink(1))])
    with sql.transaction():
        sql.execute("LOCK TABLE uplink IN ACCESS EXCLUSIVE MODE")
        writing = asyncio.ensure_future(writer.write([record(uplink(2))]))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writing, 0.2)
    assert (await writer.write([record(uplink(2))])).uplinks == 1
