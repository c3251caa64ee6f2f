"""Shared fixtures: a private PostgreSQL, a private Mosquitto and a TimescaleDB, each started only when asked for."""

import gc
from collections.abc import Iterator

import pytest

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.timescale",
    "tests.support.mosquitto",
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected stays to the end: the garbage collector need not walk it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the program does."""
    return "asyncio"
