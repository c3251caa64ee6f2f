"""A TimescaleDB for tests: PGlite in a Node process of its own. One client at a time, every login is `postgres`,
no COPY, no time limits, no background workers; everything else is TimescaleDB as it is.

`STADTFUNK_TEST_TIMESCALE=<DSN of a superuser>` runs the same tests in fresh databases of a server of your own.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

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
    with _database_on(given) if given else _pglite() as dsn:
        yield dsn


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
def _pglite() -> Iterator[str]:
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "@unni-craftsman").exists():
        raise RuntimeError("the TimescaleDB tests need Node 20 or newer and `npm ci`")
    process = subprocess.Popen([node, str(SCRIPT)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port.isdecimal():
            raise RuntimeError("PGlite did not start; its own words are above")
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def timescale() -> Iterator[str]:
    """DSN of a TimescaleDB without schema, fresh for each test module."""
    with private_timescale() as dsn:
        yield dsn
