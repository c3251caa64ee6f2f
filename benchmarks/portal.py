"""How long the service takes for the inbox with years of history: whole requests, without the network."""

import asyncio
import time
from dataclasses import dataclass

from benchmarks.rig import Rig
from storage.settings import DatabaseSettings
from tests.support.portal import open_portal

OPEN = 100
BAYS = 400

_HISTORY = """
INSERT INTO alert (number, rule, rule_version, subject, subject_kind, asset_id, occurrence, district, code, codes,
    severity, confidence, priority, state, outcome, assignee, since, due_at, opened_at, updated_at, closed_at, facts,
    evidence)
SELECT 'H-' || n, 'ladeplaetze', '3f1c', a.key, 'bay', a.id, n::text, a.district, v.code, ARRAY[v.code], 'warning', 80,
    2.4, CASE WHEN n <= %(open)s THEN 'open' ELSE 'resolved' END, CASE WHEN n <= %(open)s THEN '' ELSE 'ERMAHNUNG' END,
    'olga', t.at, t.at, t.at, t.at, CASE WHEN n > %(open)s THEN t.at + interval '40 minutes' END,
    jsonb_build_object('evses', jsonb_build_array('DEMZXE' || a.id), 'bay', a.key), v.evidence
FROM generate_series(1, %(cases)s) AS n
CROSS JOIN LATERAL (SELECT now() - interval '1 hour' - n * interval '40 minutes' AS at) AS t
CROSS JOIN LATERAL (
    SELECT (ARRAY['V1_NO_CHARGE', 'V2_AFTER_CHARGE', 'V3_MAX_STAY'])[n %% 3 + 1] AS code, jsonb_build_object(
        'uplinks', (SELECT jsonb_agg(jsonb_build_object(
                'key', repeat('k', 60), 'at', t.at, 'event', 'change', 'occupied', true, 'f_cnt', i))
            FROM generate_series(1, 50) AS i)) AS evidence
) AS v
JOIN asset AS a ON a.key = 'BENCH-' || (n %% %(bays)s)
"""
_EVENTS = """
INSERT INTO alert_event (alert_id, position, at, kind, actor, actor_salt, actor_commitment, previous_hash, hash)
SELECT a.id, p.position, a.since, p.kind, 'olga', 's', repeat('0', 64), repeat('0', 64), repeat('0', 64)
FROM alert AS a
CROSS JOIN LATERAL unnest(
    ARRAY['opened', 'acknowledged', 'dispatched', 'on_site', 'closed']) WITH ORDINALITY AS p (kind, position)
"""
_BAYS = """
INSERT INTO asset (kind, key, name, district, latitude, longitude)
SELECT 'bay', 'BENCH-' || n, 'Straße ' || n || ', Platz 1', 'Bezirk ' || n %% 15, 50 + n / 10000.0, 8 + n / 10000.0
FROM generate_series(0, %(bays)s - 1) AS n
"""
_STATUSES = """
WITH points AS (
    INSERT INTO evse (evse_key, evse_id) SELECT 'DEMZXE' || id, 'DE*MZX*E' || id FROM asset WHERE key LIKE 'BENCH-%%'
    RETURNING id
)
INSERT INTO evse_status (evse_id, at, received_at, source, status)
SELECT p.id, now() - n * interval '20 minutes', now(), 'ocpi', (ARRAY['IDLE', 'IN_USE'])[n %% 2 + 1]
FROM points AS p, generate_series(1, 200) AS n
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of the server, sorted."""

    inbox: list[float]
    closed: list[float]
    case: list[float]


def pages(made: Rig, cases: int, requests: int = 60) -> Timed:
    """The list, the closed cases and one case, with `cases` in the history."""
    made.fresh_schema()
    with made.connect() as connection:
        values = {"bays": BAYS, "open": OPEN, "cases": cases + OPEN}
        for statement in (_BAYS, _STATUSES, _HISTORY, _EVENTS):
            connection.execute(statement, values)
        connection.execute("ANALYZE")
    return asyncio.run(_pages(DatabaseSettings(dsn=made.dsn), requests))


async def _pages(settings: DatabaseSettings, requests: int) -> Timed:
    async with open_portal(settings) as portal:
        browser = await portal.login("olga")

        async def timed(url: str) -> list[float]:
            found = []
            for _ in range(requests):
                started = time.perf_counter()
                answer = await browser.get(url)
                found.append((time.perf_counter() - started) * 1000)
                assert answer.status_code == 200, answer.status_code
            return sorted(found)

        assert (await browser.get("/inbox")).text.count("data-case=") > OPEN // 2
        return Timed(await timed("/inbox"), await timed("/inbox?ansicht=erledigt"), await timed("/inbox/cases/H-500"))
