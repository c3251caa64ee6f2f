"""The machine and the servers of a benchmark run: a private Mosquitto, a private PostgreSQL or the one of BENCH_DSN."""

import asyncio
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.support.mosquitto import Mosquitto

POSTGRES_SETTINGS = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_level", "shared_buffers", "max_wal_size",
)  # fmt: skip
BROKER_OPTIONS = {"max_inflight_messages": 100, "max_queued_messages": 0, "autosave_interval": 1800}
SYNCS = 200


@dataclass(slots=True)
class Rig:
    """What a measurement runs against. `embedded` is None when BENCH_DSN names a server."""

    folder: Path
    broker: Mosquitto
    dsn: str
    embedded: EmbeddedPostgres | None

    def connect(self) -> psycopg.Connection:
        """A connection for preparing and counting."""
        return psycopg.connect(self.dsn, autocommit=True, options="-c search_path=stadtfunk,public")

    def fresh_schema(self) -> None:
        """An empty database with this version's schema."""
        with self.connect() as connection:
            connection.execute("DROP SCHEMA IF EXISTS stadtfunk CASCADE")
        asyncio.run(migrate(DatabaseSettings(dsn=self.dsn)))
        with self.connect() as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def rig() -> Iterator[Rig]:
    """Start the servers in a temporary folder and take them down afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="stadtfunk-bench-"))
    folder.chmod(0o711)
    given = os.environ.get("BENCH_DSN")
    embedded = None if given else EmbeddedPostgres(folder / "database")
    try:
        with Mosquitto(folder / "mosquitto", options=BROKER_OPTIONS) as broker:
            if embedded is not None:
                embedded.start()
            yield Rig(folder, broker, given or (embedded.dsn if embedded is not None else ""), embedded)
    finally:
        if embedded is not None:
            embedded.stop()
        shutil.rmtree(folder)


def machine(made: Rig) -> dict[str, object]:
    """What the numbers depend on: cores, versions, settings, the disk's fdatasync."""
    with made.connect() as connection:
        settings = {name: _show(connection, name) for name in POSTGRES_SETTINGS}
        timescale = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "timescaledb": timescale[0] if timescale else "none",
        "fdatasync_ms": round(fdatasync_seconds(made.folder) * 1000, 3),
        **settings,
    }


def fdatasync_seconds(folder: Path) -> float:
    """Median time of writing 8 KiB and forcing it to disk."""
    times = []
    with (folder / "fdatasync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(b"\0" * 8192)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return sorted(times)[SYNCS // 2]


def _show(connection: psycopg.Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    return "" if row is None else str(row[0])


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
