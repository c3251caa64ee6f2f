"""How long every query of every dashboard takes in a city of 3,321 devices with 30 days of history.

The city's assets are the demo's; rows are made set-wise in the database, since only their number and spread matter
here, and rollups by maintenance, as everywhere. Queries run as Grafana's role, one at a time, with all variables at
"Alle".
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from alerts.charging.store import sync_bays
from benchmarks.rig import Rig
from dashboards.expansion import Range
from decoders.readings import KINDS
from stadtfunk.demo.assets import assets
from stadtfunk.demo.settings import DemoSettings
from storage.asset_rows import asset_rows
from storage.assets import import_assets
from storage.database import Connection, Role, connect
from storage.maintenance import run_maintenance
from storage.settings import DatabaseSettings, RetentionSettings
from tests.support.panels import GRAFANA_ROLE, Target, documents, other_targets, sql_targets

DAYS = 30
RUNS = 3
SHOWN = 15
LONG, SHORT = "30 d", "6 h"

_CITY = """
INSERT INTO source (name) VALUES ('mainz') ON CONFLICT DO NOTHING;
INSERT INTO gateway (gateway_id, name, latitude, longitude, online, last_seen_at, stats_at)
SELECT key, name, latitude, longitude, true, now(), now() FROM asset WHERE kind = 'gateway' ON CONFLICT DO NOTHING;
CREATE TABLE bench_device AS
SELECT d.id AS device_id, a.kind, a.id AS asset_id, row_number() OVER (ORDER BY d.id) AS n
FROM device AS d JOIN asset_device AS b ON b.device_id = d.id JOIN asset AS a ON a.id = b.asset_id;
CREATE TABLE bench_uplink AS
SELECT * FROM (
SELECT d.device_id, d.kind, d.n, h.number AS f_cnt,
    h.hour + make_interval(secs => (d.n * 37 % 3600)::integer) AS at
FROM bench_device AS d
CROSS JOIN (
    SELECT hour, row_number() OVER (ORDER BY hour) AS number
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - interval '1 hour', interval '1 hour') AS hour
) AS h
UNION ALL  -- bays speak at every change
SELECT d.device_id, d.kind, d.n, 100000 + m.number, m.at + make_interval(secs => (d.n * 11 % 900)::integer)
FROM bench_device AS d
CROSS JOIN (
    SELECT at, row_number() OVER (ORDER BY at) AS number
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - interval '1 hour', interval '2 hours') AS at
) AS m
WHERE d.kind = 'bay'
) AS u
ORDER BY at;  -- as they came: indexes by time are made for that
"""
_NETWORK = """
INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency, outcome,
    data_rate, dev_addr, received_at)
SELECT device_id, at, f_cnt + f_cnt / 40, 1, 1, 0, 24, 0, 868100000, 'decoded', 'SF' || 7 + n % 6 || 'BW125', '', at
FROM bench_uplink ON CONFLICT DO NOTHING;
INSERT INTO reception (ns_time, device_id, f_cnt, gateway_id, antenna, channel, rssi, snr)
SELECT u.at, u.device_id, u.f_cnt + u.f_cnt / 40, 1 + (u.n + g * 5) % 22, 0, 0, -100 - (u.n + u.f_cnt) % 25,
    8 - (u.n + u.f_cnt) % 20
FROM bench_uplink AS u CROSS JOIN generate_series(0, 1) AS g WHERE g = 0 OR u.n % 3 > 0 ON CONFLICT DO NOTHING;
INSERT INTO device_state (device_id, source_id, session_started_at, first_f_cnt, last_f_cnt, session_uplinks, uplinks,
    last_ns_time, last_received_at, outcome)
SELECT device_id, 1, min(at), 1, max(f_cnt + f_cnt / 40), count(*), count(*), max(at), max(at), 'decoded'
FROM bench_uplink GROUP BY device_id;
INSERT INTO device_interval (device_id, seconds, samples) SELECT device_id, 3600, 100 FROM device_state;
INSERT INTO gateway_stats (gateway_id, occurred_at, received_at, rx_received, rx_received_ok, tx_received, tx_emitted)
SELECT g.id, t.at, t.at, 300, 290, 5, 5
FROM gateway AS g
CROSS JOIN generate_series(%(begin)s::timestamptz, %(end)s::timestamptz, interval '5 minutes') AS t (at);
INSERT INTO rejected (digest, received_at, source, topic, payload, reason, detail, last_seen_at)
SELECT sha256(n::text::bytea), %(end)s::timestamptz - n * interval '1 hour', 'mainz', 't', '', 'no_decoder', '',
    %(end)s::timestamptz - n * interval '1 hour'
FROM generate_series(1, 300) AS n;
"""
_READINGS = """
INSERT INTO tree_moisture (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, soil_moisture,
    soil_tension, soil_temperature, conductivity)
SELECT device_id, '', 0, at, 0, at, f_cnt, 15 + 10 * sin(n + f_cnt / 60.0), 20 + 15 * sin(n + f_cnt / 90.0),
    12 + 4 * sin(f_cnt / 24.0), 300
FROM bench_uplink WHERE kind = 'tree' ON CONFLICT DO NOTHING;
INSERT INTO heat_meter (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, energy, volume,
    power, flow, flow_temperature, return_temperature, temperature_difference, error_code)
SELECT device_id, '7' || n, 0, at, 0, at, f_cnt, 10000 + f_cnt * (1 + n % 5), 500 + f_cnt * 0.05,
    5 + 4 * sin(f_cnt / 24.0), 0.2, 85 + 5 * sin(f_cnt / 24.0), 50, 35, CASE WHEN n % 200 = 0 THEN 4 ELSE 0 END
FROM bench_uplink WHERE kind = 'meter' ON CONFLICT DO NOTHING;
INSERT INTO parking_bay (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, occupied, event)
SELECT device_id, '', 0, date_trunc('second', at), 0, at, f_cnt, (f_cnt / 3 + n) % 2 = 0,
    CASE WHEN f_cnt < 100000 THEN 'heartbeat' ELSE 'change' END
FROM bench_uplink WHERE kind = 'bay' ON CONFLICT DO NOTHING;
INSERT INTO device_health (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt,
    battery_voltage, battery_level, battery_low)
SELECT device_id, '', 0, at, 0, at, f_cnt, 3.6 - f_cnt / 10000.0, 90, n % 100 = 0
FROM bench_uplink WHERE kind <> 'meter' OR f_cnt % 24 = 0 ON CONFLICT DO NOTHING;
"""
_CHARGING = """
INSERT INTO evse_status (evse_id, at, received_at, source, status)
SELECT e.id, t.at, t.at, 'stadtwerke', (ARRAY['IDLE', 'IN_USE', 'IDLE', 'DOWN'])[1 + (t.n + e.id) % 4]
FROM evse AS e
CROSS JOIN LATERAL (
    SELECT at, row_number() OVER () AS n
    FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz, interval '50 minutes') AS at
) AS t;
UPDATE evse SET source = 'stadtwerke';
INSERT INTO evse_contact (source, first_at, last_at) VALUES ('stadtwerke', %(begin)s, now());
INSERT INTO alert (number, rule, rule_version, subject, subject_kind, asset_id, occurrence, district, code, codes,
    severity, confidence, priority, state, outcome, since, due_at, opened_at, updated_at, closed_at)
SELECT 'B-' || n, v.rule, '1', a.key, 'bay', a.id, n::text, a.district, v.code, ARRAY[v.code], 'warning', 80, 1,
    CASE WHEN n <= 20 THEN 'open' ELSE 'resolved' END, CASE WHEN n % 3 = 0 THEN 'ERMAHNUNG' ELSE '' END,
    t.at, t.at, t.at, t.at, CASE WHEN n > 20 THEN t.at + interval '40 minutes' END
FROM generate_series(1, 1500) AS n
CROSS JOIN LATERAL (SELECT %(end)s::timestamptz - n * interval '28 minutes' AS at) AS t
CROSS JOIN LATERAL (VALUES ('wrong_parking', (ARRAY['V1_NO_CHARGE', 'V2_AFTER_CHARGE'])[1 + n % 2])) AS v (rule, code)
JOIN LATERAL (SELECT * FROM asset WHERE kind = 'bay' ORDER BY id OFFSET n % 21 LIMIT 1) AS a ON true;
"""
_END = "DROP TABLE bench_uplink; DROP TABLE bench_device"


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds (median) and rows of one query."""

    place: str
    milliseconds: float
    rows: int


def every_panel(made: Rig, scale: float) -> dict[str, list[Timed]]:
    """Fill an empty database and time every query, the slowest first, for a long and a short range."""
    made.fresh_schema()
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    asyncio.run(_fill(made, scale, end))
    spans = {LONG: Range(end - timedelta(days=DAYS), end), SHORT: Range(end - timedelta(hours=6), end)}
    with made.connect() as connection:
        connection.execute(f"SET ROLE {GRAFANA_ROLE}")
        connection.execute("SET jit = off")  # as the login of the deployment
        return {name: _timed(connection, span) for name, span in spans.items()}


def show(timed: Mapping[str, list[Timed]]) -> None:
    """The slowest for people."""
    for span, found in timed.items():
        table = Table("panel", "ms", "rows", title=f"the slowest of {len(found)} queries over {span}")
        for one in found[:SHOWN]:
            table.add_row(one.place, f"{one.milliseconds:.0f}", str(one.rows))
        Console(width=120).print(table)


async def _fill(made: Rig, scale: float, end: datetime) -> None:
    settings = DatabaseSettings(dsn=made.dsn)
    begin = end - timedelta(days=DAYS)
    async with await connect(settings, role=Role.PORTAL) as connection:
        await import_assets(connection, asset_rows(assets(DemoSettings(scale=scale))))
        await sync_bays(connection, begin)
    with made.connect() as plain:
        client = psycopg.ClientCursor(plain)
        for text in (_CITY, _NETWORK, _READINGS, _CHARGING, *_touched()):
            client.execute(text.replace("%", "%%").replace("%%(", "%("), {"begin": begin, "end": end})
        client.execute(_END)
        plain.execute("VACUUM ANALYZE")
    async with await connect(settings, role=Role.MAINTENANCE) as connection:
        await _maintain(connection, end)
    with made.connect() as plain:
        plain.execute("VACUUM ANALYZE")


def _touched() -> Iterator[str]:
    """What the writer would have noted."""
    for kind in KINDS:
        yield (
            f"INSERT INTO rollup_touched (kind, hour) SELECT DISTINCT '{kind.kind}', date_trunc('hour', observed_at)"
            f" FROM {kind.kind}"
        )


async def _maintain(connection: Connection, end: datetime) -> None:
    await connection.execute("SET work_mem = '128MB'")
    await run_maintenance(connection, RetentionSettings(), now=end)


def _timed(connection: psycopg.Connection[Any], span: Range) -> list[Timed]:
    found = [_time(connection, target, span) for target in _targets()]
    return sorted(found, key=lambda one: -one.milliseconds)


def _targets() -> Iterator[Target]:
    for document in documents().values():
        yield from sql_targets(document)
        yield from other_targets(document)


def _time(connection: psycopg.Connection[Any], target: Target, span: Range) -> Timed:
    """With the rows on the way to the client, as Grafana has them."""
    query, times, rows = target.expanded(span), [], 0
    for _ in range(RUNS):
        started = time.perf_counter()
        rows = len(connection.execute(query).fetchall())  # type: ignore[call-overload]  # a checked-in text
        times.append(1000 * (time.perf_counter() - started))
    return Timed(target.place, median(times), rows)
