"""The alert engine on a large city: latency of cases at 5,000 bays, a restart on 90 days of history, 100,000 devices.

The engine runs as it does in the service, in its own role. Latency is measured from outside: from the moment at which
a case may open by the rule's own timers (known, because the cars are placed by the benchmark) to the notice that the
database sends with the commit of the alert's row. The load beside it is what 5,000 bays say: heartbeats and changes.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from prometheus_client import CollectorRegistry

from alerts.engine import Engine
from alerts.metrics import EngineMetrics
from alerts.policy import Policy
from alerts.reconcile import reconcile
from alerts.rules.registry import make
from alerts.settings import AlertSettings
from benchmarks.rig import Rig
from storage.database import Connection, Role, connect
from storage.settings import DatabaseSettings

BAYS = 5000
DEVICES = 100_000
SETTINGS = AlertSettings.model_validate(
    {"rules": {"wrong_parking": {"kind": "wrong_parking"}, "silent": {"kind": "device_silent"}}}
)
TIMERS = SETTINGS.rules["wrong_parking"].timers  # type: ignore[union-attr]
OPENS_AFTER = TIMERS.grace + TIMERS.lateness
"""Of a car that arrives at an idle charge point and does not charge."""

_CITY = """
INSERT INTO source (name) VALUES ('bench');
INSERT INTO device (dev_eui, name) SELECT lpad(to_hex(n), 16, '0'), 'bay ' || n FROM generate_series(1, {bays}) AS n;
INSERT INTO asset (kind, key, district, attributes)
SELECT 'bay', 'B' || n, 'D' || n % 20,
    jsonb_build_object('station', 'S' || n / 2, 'evses', jsonb_build_array('DEBENE' || n), 'mapping', 'FIXED')
FROM generate_series(1, {bays}) AS n;
INSERT INTO asset_device (asset_id, device_id)
SELECT a.id, d.id FROM asset AS a JOIN device AS d ON d.name = 'bay ' || substr(a.key, 2);
INSERT INTO evse (evse_key, evse_id, source)
SELECT 'DEBENE' || n, 'DE*BEN*E' || n, 'cpo' FROM generate_series(1, {bays}) AS n;
INSERT INTO evse_contact (source, first_at, last_at) VALUES ('cpo', '{start}', now() + interval '1 day');
INSERT INTO evse_status (evse_id, at, received_at, source, status)
SELECT id, '{start}', '{start}', 'cpo', 'IDLE' FROM evse;
"""
_HISTORY = """
WITH said AS (
    SELECT d.id, t + d.id % 3600 * interval '1 second' AS at, (extract(epoch FROM t) / 3600)::bigint AS hour
    FROM device AS d, generate_series('{first}'::timestamptz, '{last}'::timestamptz, interval '1 hour') AS t
),
frames AS (
    INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency,
        outcome, data_rate, dev_addr, received_at)
    SELECT id, at, hour - 490000, 1, 1, 0, 4, 0, 868100000, 'decoded', 'SF9BW125', '01020304', at FROM said
)
INSERT INTO parking_bay (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, occupied, event)
SELECT id, '', 0, at, 0, at, hour - 490000, (hour + id) % 6 = 0,
    CASE WHEN (hour + id) % 6 < 2 THEN 'change' ELSE 'heartbeat' END
FROM said
"""
_SESSIONS = """
INSERT INTO evse_status (evse_id, at, received_at, source, status)
SELECT e.id, p.observed_at + s.after, p.observed_at + s.after, 'cpo', s.status
FROM parking_bay AS p
JOIN asset_device AS l ON l.device_id = p.device_id
JOIN asset AS a ON a.id = l.asset_id
JOIN evse AS e ON e.evse_key = a.attributes -> 'evses' ->> 0,
    (VALUES (interval '1 minute', 'IN_USE'), (interval '58 minutes', 'IDLE')) AS s (after, status)
WHERE p.occupied AND p.observed_at >= '{first}' AND p.observed_at < '{last}'
ON CONFLICT DO NOTHING
"""
_STATES = """
INSERT INTO device_state (device_id, source_id, dev_addr, session_started_at, first_f_cnt, last_f_cnt, session_uplinks,
    last_ns_time, last_received_at, outcome)
SELECT id, 1, '', now(), 0, 0, 1, s.at, s.at, 'decoded'
FROM device, LATERAL (SELECT now() - id % 3000 * interval '1 second' AS at) AS s
"""
_ARRIVALS = """
WITH said AS (SELECT unnest(%s::integer[]) AS id, unnest(%s::timestamptz[]) AS at),
frames AS (
    INSERT INTO uplink (device_id, ns_time, f_cnt, source_id, f_port, flags, payload_size, payload_crc, frequency,
        outcome, data_rate, dev_addr, received_at)
    SELECT id, at, 100000000 + extract(epoch FROM at)::bigint %% 1000000, 1, 1, 0, 4, 0, 868100000, 'decoded',
        'SF9BW125', '01020304', at
    FROM said
),
counted AS (
    UPDATE device_state AS s SET uplinks = s.uplinks + 1, last_received_at = now() FROM said WHERE s.device_id = said.id
)
INSERT INTO parking_bay (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt, occupied, event)
SELECT id, '', 0, at, 0, at, 100000000 + extract(epoch FROM at)::bigint %% 1000000, {occupied}, '{event}' FROM said
ON CONFLICT DO NOTHING
"""


_FREE_FOR_HOURS = """
SELECT device_id
FROM parking_bay
WHERE observed_at > now() - interval '3 hours'
GROUP BY device_id
HAVING NOT bool_or(occupied) AND max(observed_at) < now() - interval '45 minutes'
ORDER BY md5(device_id::text)
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from due to committed, in order; how long the first look at everything took."""

    latencies: list[float]
    restart: float


def bays(rig: Rig, *, days: int, seconds: int) -> Measured:
    """The restart on a history of `days`, then cases for `seconds`, two of them each second."""
    make_city(rig, days=days)
    return asyncio.run(_bays(DatabaseSettings(dsn=rig.dsn), seconds))


def make_city(rig: Rig, *, days: int) -> None:
    """5,000 bays with their charge points, and a history of `days`."""
    rig.fresh_schema()
    now = datetime.now(UTC).replace(microsecond=0)
    with rig.connect() as connection:
        start = now - timedelta(days=days)
        connection.execute(_CITY.format(bays=BAYS, start=start.isoformat()))
        for day in range(days):
            span = {
                "first": (start + timedelta(days=day)).isoformat(),
                "last": (start + timedelta(days=day + 1, hours=-1)).isoformat(),
            }
            connection.execute(_HISTORY.format(**span))
            connection.execute(_SESSIONS.format(**span))
        connection.execute(_STATES)
        connection.execute("DELETE FROM late_reading")  # the engine was there when all this arrived: nothing is late
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def silent(rig: Rig, *, runs: int = 5) -> float:
    """The median turn of the silent rule on 100,000 devices, of which one in a hundred is silent."""
    rig.fresh_schema()
    with rig.connect() as connection:
        connection.execute("INSERT INTO source (name) VALUES ('bench')")
        connection.execute(
            "INSERT INTO device (dev_eui, name) SELECT lpad(to_hex(n), 16, '0'), 'device ' || n"
            f" FROM generate_series(1, {DEVICES}) AS n"
        )
        connection.execute(_STATES)
        connection.execute("INSERT INTO device_interval (device_id, seconds, samples) SELECT id, 1200, 100 FROM device")
        connection.execute(
            "UPDATE device_state SET last_ns_time = now() - interval '2 hours', last_received_at = now() -"
            " interval '2 hours' WHERE device_id % 100 = 0"
        )
        connection.execute("VACUUM ANALYZE")
    return asyncio.run(_silent(DatabaseSettings(dsn=rig.dsn), runs))


async def _silent(settings: DatabaseSettings, runs: int) -> float:
    rule = make("silent", SETTINGS.rules["silent"])
    seconds = []
    async with await connect(settings, role=Role.ALERTS) as connection:
        for _ in range(runs):
            started = time.perf_counter()
            now = datetime.now(UTC)
            async with connection.transaction():
                await reconcile(connection, await rule.evaluate(connection, now), now, policy=Policy())
            seconds.append(time.perf_counter() - started)
        row = await (await connection.execute("SELECT count(*) FROM alert WHERE closed_at IS NULL")).fetchone()
    if row is None or row[0] != DEVICES // 100:
        raise AssertionError(f"{row} alerts instead of {DEVICES // 100}")
    return sorted(seconds)[len(seconds) // 2]


async def _bays(settings: DatabaseSettings, seconds: int) -> Measured:
    registry = CollectorRegistry()
    started = time.perf_counter()
    async with _running(settings, registry):
        while registry.get_sample_value("stadtfunk_alert_rule_seconds_count", {"rule": "silent"}) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # until the last of the rules had its first turn
        restart = time.perf_counter() - started
        async with await connect(settings) as observer, await connect(settings) as writer:
            latencies = await _cases(observer, writer, seconds)
    return Measured(sorted(latencies), restart)


@asynccontextmanager
async def _running(settings: DatabaseSettings, registry: CollectorRegistry) -> AsyncIterator[None]:
    engine = Engine(SETTINGS, partial(connect, settings, role=Role.ALERTS), EngineMetrics(registry))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run())
        yield
        task.cancel()


async def _cases(observer: Connection, writer: Connection, seconds: int) -> list[float]:
    """Cars whose time comes one after the other, each in a bay that was free for hours."""
    rows = await (await writer.execute(_FREE_FOR_HOURS, (2 * seconds,))).fetchall()
    devices = [row[0] for row in rows]
    first = datetime.now(UTC) + timedelta(seconds=5)
    opens = {f"B{device}": first + timedelta(seconds=number / 2) for number, device in enumerate(devices)}
    arrivals = [opens[f"B{device}"] - OPENS_AFTER for device in devices]
    await observer.execute("LISTEN stadtfunk_alerts")
    before = [at - timedelta(minutes=30) for at in arrivals]
    await writer.execute(_ARRIVALS.format(occupied="false", event="heartbeat"), (devices, before))  # type: ignore[arg-type]
    await writer.execute(_ARRIVALS.format(occupied="true", event="change"), (devices, arrivals))  # type: ignore[arg-type]
    await writer.execute("SELECT pg_notify('stadtfunk_readings', 'parking_bay')")
    async with asyncio.TaskGroup() as tasks:
        beside = tasks.create_task(_heartbeats(writer, set(devices)))
        found = await _observed(observer, opens, seconds + 30)
        beside.cancel()
    if len(found) < len(opens):
        raise AssertionError(f"{len(opens) - len(found)} of {len(opens)} cases did not open")
    return found


async def _observed(observer: Connection, opens: dict[str, datetime], seconds: float) -> list[float]:
    latencies: dict[str, float] = {}
    deadline = time.monotonic() + seconds
    while len(latencies) < len(opens) and time.monotonic() < deadline:
        async for _ in observer.notifies(timeout=1, stop_after=1):
            pass
        heard = datetime.now(UTC)
        rows = await (await observer.execute("SELECT subject FROM alert WHERE closed_at IS NULL")).fetchall()
        for (subject,) in rows:
            if subject in opens and subject not in latencies:
                latencies[subject] = (heard - opens[subject]).total_seconds()
    return list(latencies.values())


async def _heartbeats(writer: Connection, but: set[int]) -> None:
    """Three messages a second from bays that are free and stay so: a little more than 5,000 bays send."""
    others = [number for number in range(1, BAYS + 1) if number not in but]
    for number in range(1_000_000):
        device = others[number * 7 % len(others)]
        await writer.execute(
            _ARRIVALS.format(occupied="false", event="heartbeat"),
            ([device], [datetime.now(UTC)]),  # type: ignore[arg-type]
        )
        await writer.execute("SELECT pg_notify('stadtfunk_readings', 'parking_bay')")
        await asyncio.sleep(1 / 3)
