"""TimescaleDB where it is there: found once, at the first migrate."""

import psycopg

from storage.database import Connection
from storage.refusal import MigrationRefused
from storage.statements import load

_QUERIES = load("migrate")


async def detect(connection: Connection, *, wanted: bool) -> str | None:
    """The version of TimescaleDB in this database, made when the server has it; None without it or when not wanted.

    Raises:
        MigrationRefused: the server has it and we may not create the extension.
    """
    if not wanted:
        return None
    version = await _installed(connection)
    if version is None and await _loadable(connection):
        try:
            await connection.execute(_QUERIES["create_timescale"])
        except psycopg.errors.InsufficientPrivilege:
            raise MigrationRefused(
                "the server has TimescaleDB, but this login may not use it: let an administrator run "
                "`CREATE EXTENSION timescaledb` in this database, or set database.timescale to off"
            ) from None
        version = await _installed(connection)
    return version


async def _installed(connection: Connection) -> str | None:
    row = await (await connection.execute(_QUERIES["find_timescale"])).fetchone()
    return None if row is None else str(row[0])


async def _loadable(connection: Connection) -> bool:
    row = await (await connection.execute(_QUERIES["timescale_is_loadable"])).fetchone()
    return row is not None and bool(row[0])
