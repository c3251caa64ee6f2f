"""Connections to the database: every one with the same time limits, search path, role and name."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from storage.embedded import EmbeddedPostgres
from storage.failures import Action, Fatal, Retryable, action_for
from storage.settings import DatabaseSettings

_log = logging.getLogger(__name__)

SCHEMA = "stadtfunk"
SEARCH_PATH = f"{SCHEMA}, public, pg_temp"

Connection = AsyncConnection[tuple[Any, ...]]


class Role(StrEnum):
    """The database roles, one per task; `storage/roles.py` says what each may do."""

    OWNER = "stadtfunk_owner"
    INGEST = "stadtfunk_ingest"
    ALERTS = "stadtfunk_alerts"
    MAINTENANCE = "stadtfunk_maintenance"
    PORTAL = "stadtfunk_portal"
    UTILITY = "stadtfunk_utility"
    GRAFANA = "stadtfunk_grafana"


async def connect(
    settings: DatabaseSettings,
    *,
    role: Role | None = None,
    application_name: str = "stadtfunk",
    autocommit: bool = True,
) -> Connection:
    """Open a connection with all time limits, in UTC, with the fixed search path.

    Args:
        role: the least-privileged role for the task; None keeps the login's own rights.

    Raises:
        Retryable: the server cannot be reached now.
        Fatal: it refuses us: password, certificate, database name or role.
    """
    limits = settings.timeouts
    try:
        async with asyncio.timeout(limits.connect + 1):
            connection = await AsyncConnection.connect(
                make_conninfo(conninfo(settings), **_network_options(settings)),
                application_name=application_name,
                autocommit=True,
            )
            await _configure(connection, settings, role)
            await connection.set_autocommit(autocommit)
    except TimeoutError:
        raise Retryable(f"no database connection within {limits.connect:.0f} s") from None
    except psycopg.Error as error:
        raise _connect_failure(error) from error
    return connection


def conninfo(settings: DatabaseSettings) -> str:
    """The libpq connection string: the DSN or the embedded server's, with TLS options and password."""
    dsn = EmbeddedPostgres(settings.data_dir).dsn if settings.embedded else settings.dsn
    given = {
        "sslmode": settings.sslmode,
        "sslrootcert": settings.sslrootcert,
        "sslcert": settings.sslcert,
        "sslkey": settings.sslkey,
        "password": _password(settings),
    }
    return make_conninfo(dsn, **{name: str(value) for name, value in given.items() if value is not None})


def describe(settings: DatabaseSettings) -> str:
    """Host, port and database for logs and `status`; no user, no password."""
    parts = conninfo_to_dict(conninfo(settings))
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


@asynccontextmanager
async def deadline(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """Give the block `seconds`; then close the connection, whose state nobody knows any more.

    psycopg tries to cancel the statement first and may take 5 s more for it.

    Raises:
        Retryable: the time was up. A commit that was on its way may have happened.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        await connection.close()
        raise Retryable(f"the database did not answer within {seconds:.0f} s") from None


async def try_lock(connection: Connection, name: str) -> bool:
    """Take the advisory lock `name` for as long as `connection` lives; False when another session holds it."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"stadtfunk:{name}",))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def unlock(connection: Connection, name: str) -> None:
    """Give the advisory lock `name` back."""
    await connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (f"stadtfunk:{name}",))


@asynccontextmanager
async def locked(connection: Connection, name: str) -> AsyncIterator[None]:
    """Hold the advisory lock `name` during the block; waits for other holders within `lock_timeout`."""
    await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (f"stadtfunk:{name}",))
    try:
        yield
    finally:
        if not connection.closed:
            await unlock(connection, name)


def _network_options(settings: DatabaseSettings) -> dict[str, int]:
    limits = settings.timeouts
    return {
        "connect_timeout": max(2, round(limits.connect)),  # libpq takes whole seconds, at least 2
        "tcp_user_timeout": round(limits.tcp_user * 1000),
        "keepalives": 1,
        "keepalives_idle": limits.keepalive_idle,
        "keepalives_interval": limits.keepalive_interval,
        "keepalives_count": limits.keepalive_count,
    }


async def _configure(connection: Connection, settings: DatabaseSettings, role: Role | None) -> None:
    """Session settings, by a statement and not as start-up options, which connection poolers refuse."""
    limits = settings.timeouts
    values = {
        "search_path": SEARCH_PATH,
        "timezone": "UTC",
        "statement_timeout": _milliseconds(limits.statement),
        "lock_timeout": _milliseconds(limits.lock),
        "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction),
        "synchronous_commit": "on",
        "jit": "off",  # compiling costs more than any of our statements
    }
    if role is not None and settings.use_roles:
        values["role"] = role.value
    await connection.execute(
        "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS s (name, value)",
        (list(values), list(values.values())),
    )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _password(settings: DatabaseSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        return settings.password_file.read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        raise Fatal(f"password_file {settings.password_file} cannot be read or is empty") from None


def _connect_failure(error: psycopg.Error) -> Retryable | Fatal:
    """libpq tells a refusal's SQLSTATE only once the session stands; before, every failure may pass."""
    if isinstance(error, psycopg.errors.InvalidParameterValue):  # of all that we set, only the role may be unknown
        return Fatal("the roles of Stadtfunk are missing (22023): run `stadtfunk migrate`")
    if error.sqlstate is not None and action_for(error) is not Action.RETRY:
        return Fatal(f"the database refuses us ({error.sqlstate}): {type(error).__name__}")
    return Retryable(f"the database cannot be reached: {_first_line(error)}")


def _first_line(error: psycopg.Error) -> str:
    """libpq's own sentence; it names host, port and user, never the password."""
    return str(error).strip().splitlines()[0]
