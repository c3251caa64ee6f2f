"""The database as one file: rows a second out of a filled database and into an empty one, checks and indexes included.

Soil sensors: each uplink is a row of `uplink`, `reception`, `payload_public` and `tree_moisture`.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass

from benchmarks.rig import Rig
from storage.archive.export import export_archive
from storage.archive.load import import_archive
from storage.archive.manifest import Manifest
from storage.settings import DatabaseSettings, RetentionSettings

_FILL = (
    "INSERT INTO source (name) VALUES ('city')",
    "INSERT INTO gateway (gateway_id) SELECT 'gateway' || g FROM generate_series(1, 20) AS g",
    "INSERT INTO device (dev_eui) SELECT lpad(to_hex(d), 16, '0') FROM generate_series(1, 3000) AS d",
    "INSERT INTO decoder_version (name, version) VALUES ('dragino_lse01', 1)",
    """
    INSERT INTO uplink
    SELECT n %% 3000 + 1, t, n / 3000, 1, 1, 2, 0, 11, 4000000000 - n, 868100000, 'decoded', 'SF9BW125', '01abcdef',
        t, t, gen_random_uuid()
    FROM generate_series(0, %(count)s - 1) AS n,
        LATERAL (SELECT '2026-09-01T00:00Z'::timestamptz + n * interval '400 ms') AS s (t)
    """,
    """
    INSERT INTO reception
    SELECT ns_time, device_id, f_cnt, device_id %% 20 + 1, 0, 3, -100 - device_id %% 20, random() * 20 - 10 FROM uplink
    """,
    """
    INSERT INTO payload_public
    SELECT device_id, ns_time, f_cnt, substr(sha256(int8send(payload_crc)), 1, 11) FROM uplink
    """,
    """
    INSERT INTO tree_moisture (device_id, subject, channel, observed_at, flags, uplink_ns_time, uplink_f_cnt,
        decoder_id, soil_moisture, soil_temperature)
    SELECT device_id, '', 0, ns_time, 0, ns_time, f_cnt, 1, random() * 40, random() * 25 FROM uplink
    """,
    "VACUUM ANALYZE",
    "CHECKPOINT",
)


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, and how fast."""

    rows: int
    megabytes: float
    export_rate: float
    import_rate: float


def moving(rig: Rig, readings: int) -> Moved:
    """Fill a database, export it, and import it in its place."""
    rig.fresh_schema()
    settings, path = DatabaseSettings(dsn=rig.dsn), rig.folder / "archive.zip"
    with rig.connect() as connection:
        for statement in _FILL:
            connection.execute(statement, {"count": readings} if "%" in statement else None)
    exported, export_seconds = _timed(export_archive(settings, path))
    with rig.connect() as connection:
        connection.execute("DROP SCHEMA stadtfunk CASCADE")
        connection.execute("CHECKPOINT")
    imported, import_seconds = _timed(import_archive(settings, path, RetentionSettings()))
    megabytes = path.stat().st_size / 1e6
    path.unlink()
    assert imported.tables == exported.tables
    return Moved(exported.rows, megabytes, exported.rows / export_seconds, imported.rows / import_seconds)


def _timed(work: Coroutine[object, object, Manifest]) -> tuple[Manifest, float]:
    began = time.perf_counter()
    manifest = asyncio.run(work)
    return manifest, time.perf_counter() - began
