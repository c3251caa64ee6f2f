"""A small city with something of everything, and what of it an archive must give back."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from decoders.errors import RejectReason
from decoders.readings import KINDS, HeatMeter, ParkingBay, TreeMoisture
from decoders.uplink import Privacy, Reception, Uplink
from storage.archive.tables import find_sources
from storage.batch import DecoderKey, Outcome, Record, WriteResult
from storage.buckets import Width
from storage.database import Connection, Role, connect
from storage.writer import Writer
from tests.support.cases import Streets
from tests.support.store import Store

NOW = datetime(2026, 10, 14, 9, 0, tzinfo=UTC)
BEGIN = NOW - timedelta(days=5)
TREE, BAY, METER = (f"70b3d5000000000{n}" for n in (1, 2, 3))
KEY_OF_METER = "HZ-KUNDE-64313374"
AWKWARD = "tab\t, line\nend, \\N, \\., back\\slash, ü, ''"

ROWS = """
INSERT INTO asset (kind, key, name, geometry, attributes) VALUES
    ('tree', 'B-1', %(awkward)s, '{"type": "Point", "coordinates": [8.25, 50.0]}', '{"soil": "loam"}'),
    ('meter', %(meter_key)s, 'Kundin Muster', NULL, '{}');
INSERT INTO asset_device (asset_id, device_id, valid_from, note)
    SELECT a.id, d.id, '-infinity', a.name FROM asset AS a JOIN device AS d
        ON (a.kind = 'tree' AND d.dev_eui = %(tree)s) OR (a.kind = 'meter' AND d.dev_eui = %(meter)s);
INSERT INTO device_event (device_id, occurred_at, kind, source_id, received_at, detail)
    SELECT d.id, now(), 'join', s.id, now(), jsonb_build_object('text', %(awkward)s::text)
    FROM device AS d, source AS s;
INSERT INTO gateway_stats SELECT g.id, b, b, 5, 4, 3, 2, '{}' FROM gateway AS g,
    generate_series(%(begin)s::timestamptz, %(now)s, '1 hour') AS b;
INSERT INTO alert (number, rule, rule_version, subject, subject_kind, asset_id, occurrence, code, codes, severity,
    confidence, state, since, due_at, opened_at, updated_at)
    SELECT '2026-9' || a.id, 'device_silent', '1', %(meter)s, 'device', a.id, '1', 'SILENT', '{SILENT}', 'info', 90,
        'open', now(), now(), now(), now() FROM asset AS a WHERE a.kind = 'meter';
INSERT INTO charging_link (source, state) VALUES ('ocpi', '{"cursor": 1.50}');
INSERT INTO ocpi_location VALUES ('ocpi', 'DE*MZX*1', '{}', now());
INSERT INTO silence (subject, starts_at, ends_at, comment) VALUES (%(meter_key)s, now(), 'infinity', %(awkward)s);
INSERT INTO rule_checkpoint VALUES ('device_silent', %(meter)s, '1', now(), '{}');
INSERT INTO device_interval SELECT id, 1200.5, 30, now() FROM device;
INSERT INTO portal_session (token_digest, username, role, csrf_token, created_at, seen_at, expires_at)
    VALUES ('x', 'u', 'officer', 't', now(), now(), now());
INSERT INTO portal_token VALUES ('bi', '\\x00ff', 'reader', '{alerts,"a b"}', false, now(), now(), NULL);
INSERT INTO push_subscription VALUES ('\\x01', 'u', 'https://push.example.org/1', '{}', now());
INSERT INTO audit_log (username, action, subject) VALUES ('u', 'export', %(meter_key)s);
INSERT INTO redecode_run (since, until, decoders, state) VALUES (now() - interval '1 day', now(), '{}', 'done');
INSERT INTO redecode_part VALUES (1, 0, 1, now(), '{}');
INSERT INTO redecode_household (run_id, kind, device_id, subject, channel, observed_at, before)
    SELECT 1, 'heat_meter', id, '1', 0, now(), '{"energy": 0.1}' FROM device WHERE dev_eui = %(meter)s;
INSERT INTO retention_run (table_name, cutoff, deleted, ran_at) VALUES ('uplink', now(), 7, now());
INSERT INTO parking_month VALUES ('2026-10-01', 'LS01', '', '', '{}', now());
UPDATE soil_class SET trigger_factor = 0.9 WHERE name = 'sand'
"""


def uplink(dev_eui: str, f_cnt: int) -> Uplink:
    """A frame every 20 minutes, heard by two gateways."""
    at = BEGIN + timedelta(minutes=20 * f_cnt, seconds=int(dev_eui[-1]))
    heard = (Reception("00a1", -101, 3.25), Reception("00a2", -117, -8.5))
    payload = bytes(range(256)) if f_cnt == 0 else b"%d" % f_cnt
    return Uplink(
        "city", dev_eui, f_cnt, 2, payload, at, at, dev_addr="01", data_rate="SF9BW125", event_time=at, receptions=heard
    )  # fmt: skip


def record(dev_eui: str, f_cnt: int) -> Record:
    """The frame with its reading: a tree's, a bay's or a meter's."""
    one = uplink(dev_eui, f_cnt)
    privacy = Privacy.PUBLIC
    reading: TreeMoisture | ParkingBay | HeatMeter
    if dev_eui == TREE:
        reading = TreeMoisture.of(one, soil_moisture=20 + f_cnt / 7)
    elif dev_eui == BAY:
        reading = ParkingBay.of(one, occupied=f_cnt % 3 == 0)
    else:
        reading, privacy = HeatMeter.of(one, subject="64313374", energy=12_474.0 + f_cnt / 3), Privacy.HOUSEHOLD
    key = DecoderKey(f"decoder-{dev_eui[-1]}", 1, "abcdef")
    return Record("city", "t", b"", one.received_at, one, Outcome.DECODED, (reading,), key, privacy)


def poison(number: int = 0) -> Record:
    """A message that is kept raw, with bytes that a text format has to escape."""
    payload = bytes(range(256)) + b"%d" % number
    return Record("city", AWKWARD, payload, NOW, reason=RejectReason.MALFORMED, detail="no JSON")


def write(store: Store, *batches: Sequence[Record]) -> list[WriteResult]:
    """Store the batches as the service does."""

    async def scenario() -> list[WriteResult]:
        writer = Writer(partial(connect, store.settings, role=Role.INGEST), pipelined=not store.timescale)
        try:
            return [await writer.write(batch) for batch in batches]
        finally:
            await writer.close()

    return asyncio.run(scenario())


def fill(store: Store) -> None:
    """Five days of a tree, a bay and a meter, cases, charge points, and rollups that outlived their readings."""
    count = 5 * 72
    write(store, [record(eui, n) for eui in (TREE, BAY, METER) for n in range(count)], [poison()])
    streets = Streets(store.settings, now=NOW)
    streets.open("MZ-LS01-1")
    streets.open("MZ-LS02-1", minutes=90)
    streets.leave("MZ-LS02-1")
    values = {"awkward": AWKWARD, "tree": TREE, "meter": METER, "meter_key": KEY_OF_METER, "begin": BEGIN, "now": NOW}

    async def rows(connection: Connection) -> None:
        for statement in ROWS.split(";\n"):
            await connection.execute(statement, values if "%(" in statement else None)

    store.run(rows)
    store.maintain(NOW)
    store.execute("DELETE FROM parking_bay WHERE observed_at < %s", BEGIN + timedelta(days=2))
    write(store, [record(TREE, count + 5)])  # touched after maintenance


def contents(store: Store) -> dict[str, tuple[int, str]]:
    """By table of an archive, how many rows and a digest of them in an order of their own."""

    async def scenario(connection: Connection) -> dict[str, tuple[int, str]]:
        found = {}
        for source in await find_sources(connection, KINDS):
            query = source.query.as_string(connection)
            cursor = await connection.execute(
                f"SELECT count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text COLLATE \"C\")), '')"
                f" FROM ({query}) AS t"
            )
            [found[source.name]] = await cursor.fetchall()
        return found

    return store.run(scenario)


def rollups(store: Store) -> dict[str, list[dict[str, object]]]:
    """What people read of every kind's hours and days, and the views of departments."""
    views = [f"v_{kind.kind}_{width}" for kind in KINDS for width in Width] + ["v_asset_state", "v_alert"]
    return {view: sorted(store.execute(f"SELECT * FROM {view}"), key=repr) for view in views}
