"""Shared fixtures: a private PostgreSQL, a private Mosquitto and a TimescaleDB, each started only when asked for."""

import pytest

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.timescale",
    "tests.support.mosquitto",
]


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the program does."""
    return "asyncio"
