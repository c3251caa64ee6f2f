"""The pool: bounded, patient for a moment, never handing out what is broken or half done."""

import asyncio
from contextlib import suppress
from functools import partial

import psycopg
import pytest

from portal.connections import ConnectionPool
from storage.database import Role, connect
from storage.failures import Retryable

pytestmark = pytest.mark.anyio


@pytest.fixture
def connector(database_settings):
    return partial(connect, database_settings, role=Role.PORTAL, application_name="pool")


async def pid(connection):
    [[number]] = await (await connection.execute("SELECT pg_backend_pid()")).fetchall()
    return number


async def test_a_connection_is_used_again(connector):
    pool = ConnectionPool(connector)
    async with pool.connection() as first:
        before = await pid(first)
    async with pool.connection() as second:
        assert await pid(second) == before
    await pool.close()
    assert first.closed


async def test_it_has_the_rights_of_the_portal(connector):
    pool = ConnectionPool(connector)
    async with pool.connection() as connection:
        [[role]] = await (await connection.execute("SELECT current_user")).fetchall()
    assert role == "stadtfunk_portal"
    await pool.close()


async def test_beyond_its_size_it_waits_and_then_says_so(connector):
    pool = ConnectionPool(connector, size=1, wait_seconds=0.05)
    async with pool.connection():
        with pytest.raises(Retryable):
            async with pool.connection():
                pass
    async with pool.connection():
        pass
    await pool.close()


async def test_one_that_the_server_has_ended_is_replaced(connector, database_settings):
    pool = ConnectionPool(connector)
    async with pool.connection() as first:
        before = await pid(first)
    with psycopg.connect(database_settings.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    async with pool.connection() as second:
        assert await pid(second) != before
    await pool.close()


async def test_an_open_transaction_is_not_handed_on(connector):
    pool = ConnectionPool(connector)
    async with pool.connection() as first:
        await first.execute("BEGIN")
    assert first.closed
    async with pool.connection() as second:
        assert second is not first
    await pool.close()


async def test_a_cancelled_request_gives_its_turn_back(connector):
    pool = ConnectionPool(connector, size=1, wait_seconds=5)
    asleep = asyncio.Event()

    async def request():
        async with pool.connection() as connection:
            asleep.set()
            await connection.execute("SELECT pg_sleep(5)")

    task = asyncio.create_task(request())
    await asleep.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), pool.connection() as connection:
        assert await pid(connection) > 0
    await pool.close()


async def test_a_database_that_is_away_costs_no_turn(database_settings):
    async def away():
        raise Retryable("away")

    pool = ConnectionPool(away, size=1, wait_seconds=0.05)
    for _ in range(3):
        with pytest.raises(Retryable, match="away"):
            async with pool.connection():
                pass
