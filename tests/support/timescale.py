"""A TimescaleDB for tests: PGlite in a Node process of its own. One client at a time, every login is `postgres`,
no COPY, no time limits, no background workers; everything else is TimescaleDB as it is.

`STADTFUNK_TEST_TIMESCALE=<DSN of a superuser>` runs the same tests in fresh databases of a server of your own.
"""

import asyncio
import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.support.store import FOR_EVER

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("timescale_server.mjs")
STOP_SECONDS = 10
_numbers = count(1)


@contextmanager
def private_timescale() -> Iterator[str]:
    """DSN of a fresh database with the extension created; its data go with the block.

    Raises:
        RuntimeError: Node or the package is missing, with the command that installs it.
    """
    given = os.environ.get("STADTFUNK_TEST_TIMESCALE")
    if given:
        with _database_on(given) as dsn:
            yield dsn
        return
    with _PGLITES.lent() as pglite:
        yield pglite.fresh()


@contextmanager
def _database_on(server: str) -> Iterator[str]:
    name = f"stadtfunk_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    dsn = make_conninfo(server, dbname=name)
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
            # Tests run the policies themselves, at times of their own.
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
        yield dsn
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def migrated_timescale() -> Iterator[str]:
    """The same with this version's schema, `FOR_EVER`; that is made once, and the others begin with what it left."""
    if os.environ.get("STADTFUNK_TEST_TIMESCALE"):
        with private_timescale() as dsn:
            _migrate(dsn)
            yield dsn
        return
    with _PGLITES.lent() as pglite:
        if _PGLITES.image.exists():
            yield pglite.fresh(_PGLITES.image)
            return
        dsn = pglite.fresh()
        _migrate(dsn)
        pglite.keep(_PGLITES.image)
        yield dsn


def _migrate(dsn: str) -> None:
    asyncio.run(migrate(DatabaseSettings(dsn=dsn), FOR_EVER))


class PGlite:
    """One Node process; it takes seconds to start and then gives one new database after the other."""

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None or not (ROOT / "node_modules" / "@unni-craftsman").exists():
            raise RuntimeError("the TimescaleDB tests need Node 20 or newer and `npm ci`")
        self._process = subprocess.Popen(
            [node, str(SCRIPT)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def fresh(self, image: Path | None = None) -> str:
        """DSN of a new database, empty or as in `image`; the one before is gone."""
        port = self._answer(f"fresh {image}" if image else "fresh")
        return f"host=127.0.0.1 port={port} user=postgres dbname=postgres"

    def keep(self, image: Path) -> None:
        """Write the database as it is now to a file."""
        self._answer(f"image {image}")

    def _answer(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise RuntimeError("PGlite does not answer; its own words are above")
        return answer

    def end(self) -> None:
        """Stop the process."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)


class _Lender:
    """The processes of this test run, started when needed and used again, and the migrated image that they share."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="stadtfunk-pglite-"))
        self.image = self._folder / "migrated.tar"
        self._idle: list[PGlite] = []

    @contextmanager
    def lent(self) -> Iterator[PGlite]:
        """A process for the block; one that failed in it is not used again."""
        pglite = self._idle.pop() if self._idle else PGlite()
        try:
            yield pglite
        except BaseException:
            pglite.end()
            raise
        self._idle.append(pglite)

    def end(self) -> None:
        """Stop all that are idle."""
        for pglite in self._idle:
            pglite.end()
        shutil.rmtree(self._folder)


_PGLITES = _Lender()
atexit.register(_PGLITES.end)


@pytest.fixture(scope="module")
def timescale() -> Iterator[str]:
    """DSN of a TimescaleDB without schema, fresh for each test module."""
    with private_timescale() as dsn:
        yield dsn
