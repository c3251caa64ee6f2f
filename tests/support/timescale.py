"""A TimescaleDB for tests: PGlite in a Node process of its own. One client at a time, every login is `postgres`,
no COPY, no time limits, no background workers; everything else is TimescaleDB as it is.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("timescale_server.mjs")
STOP_SECONDS = 10


@contextmanager
def private_timescale() -> Iterator[str]:
    """DSN of a fresh server with the extension created; its data go with the block.

    Raises:
        RuntimeError: Node or the package is missing, with the command that installs it.
    """
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
