"""Connections: time limits that fire, refusals that are told apart from outages, TLS against Debian's PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage.database import Connection, Role, connect, deadline, describe, locked, try_lock
from storage.failures import Action, Fatal, Retryable, action_for
from storage.settings import DatabaseSettings, Timeouts
from tests.support.postgres import PostgresServer, private_server


def run(settings: DatabaseSettings, scenario: Callable[[Connection], Awaitable[Any]], **options: Any) -> Any:
    async def with_connection() -> Any:
        async with await connect(settings, **options) as connection:
            return await scenario(connection)

    return asyncio.run(with_connection())


async def one(connection: Connection, query: str, *values: object) -> Any:
    row = await (await connection.execute(query, values)).fetchone()
    return None if row is None else row[0]


def test_a_connection_has_every_limit_and_a_fixed_search_path(database_settings: DatabaseSettings) -> None:
    async def read(connection: Connection) -> dict[str, str]:
        cursor = await connection.execute("SELECT name, setting FROM pg_settings")
        return dict(await cursor.fetchall())

    found = run(database_settings, read, application_name="stadtfunk test")
    assert {
        "statement_timeout": "10000",
        "lock_timeout": "3000",
        "idle_in_transaction_session_timeout": "15000",
        "search_path": "stadtfunk, public, pg_temp",
        "TimeZone": "UTC",
        "synchronous_commit": "on",
        "application_name": "stadtfunk test",
    }.items() <= found.items()


def test_network_limits_reach_the_socket(postgres: PostgresServer, database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    settings = DatabaseSettings(dsn=postgres.tcp_dsn(str(name)))

    async def read(connection: Connection) -> dict[str, str]:
        return {option: connection.info.get_parameters().get(option, "") for option in OPTIONS}

    assert run(settings, read) == OPTIONS


OPTIONS = {
    "tcp_user_timeout": "5000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "connect_timeout": "5",
}


def test_a_role_is_taken_and_its_rights_are_all_there_are(database_settings: DatabaseSettings) -> None:
    async def scenario(connection: Connection) -> str:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("DELETE FROM tree_moisture")
        return str(await one(connection, "SELECT current_user"))

    assert run(database_settings, scenario, role=Role.INGEST) == "stadtfunk_ingest"
    own_rights = database_settings.model_copy(update={"use_roles": False})
    assert run(own_rights, lambda c: one(c, "SELECT current_user"), role=Role.INGEST) == "postgres"


def test_a_long_statement_and_a_long_wait_for_a_lock_end_as_retryable(
    postgres: PostgresServer, database_settings: DatabaseSettings
) -> None:
    quick = database_settings.model_copy(update={"timeouts": Timeouts(statement=0.2, lock=0.1)})
    name = str(psycopg.conninfo.conninfo_to_dict(quick.dsn)["dbname"])

    async def scenario(connection: Connection) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled) as cancelled:
            await connection.execute("SELECT pg_sleep(30)")
        with postgres.locked_table(name, "device"), pytest.raises(psycopg.errors.LockNotAvailable) as locked_out:
            await connection.execute("INSERT INTO device (dev_eui) VALUES ('x')")
        assert {action_for(cancelled.value), action_for(locked_out.value)} == {Action.RETRY}

    run(quick, scenario)


def test_a_frozen_server_is_given_up_at_the_outer_deadline() -> None:
    with private_server() as server:
        settings = DatabaseSettings(dsn=server.tcp_dsn("postgres"))

        async def scenario(connection: Connection) -> None:
            with server.frozen(), pytest.raises(Retryable, match="did not answer within"):
                async with deadline(connection, 0.3):
                    await connection.execute("SELECT 1")
            assert connection.closed

        run(settings, scenario)


@pytest.mark.parametrize(
    "dsn", ["host=127.0.0.1 port=1 dbname=x", "host=/nonexistent dbname=x"], ids=["no listener", "no socket"]
)
def test_a_server_that_is_not_there_is_retryable(dsn: str) -> None:
    with pytest.raises(Retryable, match="cannot be reached"):
        asyncio.run(connect(DatabaseSettings(dsn=dsn)))


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> float:
        silent = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        settings = DatabaseSettings(dsn=f"host=127.0.0.1 port={port} dbname=x", timeouts=Timeouts(connect=2))
        begin = time.monotonic()
        with pytest.raises(Retryable):
            await connect(settings)
        silent.close()
        return time.monotonic() - begin

    assert asyncio.run(scenario()) < 10


def test_a_missing_role_is_fatal_and_named(postgres: PostgresServer, empty_database: str) -> None:
    settings = DatabaseSettings(dsn=empty_database)

    class Stranger:
        value = "stadtfunk_stranger"

    with pytest.raises(Fatal, match="22023"):
        asyncio.run(connect(settings, role=Stranger()))  # type: ignore[arg-type]


def test_an_advisory_lock_keeps_a_second_instance_out(database_settings: DatabaseSettings) -> None:
    async def scenario(first: Connection) -> list[bool]:
        async with await connect(database_settings) as second:
            found = [await try_lock(first, "ingest"), await try_lock(second, "ingest")]
            async with locked(first, "other"):
                found.append(await try_lock(second, "other"))
            found.append(await try_lock(second, "other"))
        return found

    assert run(database_settings, scenario) == [True, False, False, True]


def test_a_description_has_no_password() -> None:
    settings = DatabaseSettings(dsn="postgresql://me:hunter2@db.example:6543/city")
    assert describe(settings) == "db.example:6543/city"
    assert "hunter2" not in repr(settings)
