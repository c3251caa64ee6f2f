"""Looks at a database without changing it: version, login, settings, schema, jobs, clocks. For `stadtfunk doctor`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from storage.database import Connection, Role
from storage.freshness import rollups_fresh_at
from storage.migrate import migrations
from storage.statements import load

_QUERIES = load("doctor")
_MIGRATIONS = load("migrate")
_TIMESCALE = load("timescale")

SETTINGS = (
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "max_connections",
    "shared_buffers",
    "max_wal_size",
    "TimeZone",
    "log_error_verbosity",
    "password_encryption",
)
_UNITS = {"B": 1, "kB": 1 << 10, "8kB": 8 << 10, "MB": 1 << 20}
_READERS = (Role.MAINTENANCE, Role.PORTAL, Role.INGEST, Role.ALERTS)
"""Roles that may read the records of migrations; the first may read most."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The schema beside this program's.

    Attributes:
        pending: migrations that the database lacks.
        unknown: those that it has and this program does not know.
        timescale: TimescaleDB was there at the first migrate.
    """

    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    timescale: bool


@dataclass(slots=True)
class DatabaseFacts:
    """What was seen; None, or empty, is what this login may not see."""

    version: int
    login: str
    superuser: bool
    tls: str | None
    over_network: bool
    size: int
    connections: int
    idle_in_transaction: int
    ahead: timedelta
    """How far the server's clock is ahead of ours, in the middle of question and answer."""
    took: timedelta
    settings: Mapping[str, str | int] = field(default_factory=dict)
    """Sizes in bytes, everything else as the server says it."""
    roles: frozenset[str] = frozenset()
    """Our roles that the server has."""
    takes: frozenset[str] = frozenset()
    """Our roles that this login may take."""
    schema: Schema | None = None
    timescale: str | None = None
    """Version of the extension in this database."""
    invalid_indexes: tuple[str, ...] = ()
    uplinks: int = 0
    lag_seconds: float | None = None
    """Our receipt minus the network server's time, the smallest of the last day's."""
    retention_at: datetime | None = None
    rollups_at: datetime | None = None
    maintenance_seen: bool = False
    """Whether this login may see when maintenance ran."""
    failing_jobs: tuple[str, ...] = ()


async def look(connection: Connection, *, use_roles: bool) -> DatabaseFacts:
    """The facts, seen over a connection with the login's own rights.

    Raises:
        psycopg.Error: the connection ended, or the server is not one that we know.
    """
    facts = await _server(connection)
    facts.settings = await _settings(connection)
    names = [role.value for role in Role]
    rows = await _rows(connection, "roles", (names,))
    facts.roles = frozenset(name for name, _ in rows)
    facts.takes = frozenset(name for name, member in rows if member)
    facts.timescale = await _value(connection, _TIMESCALE["installed_version"])
    if not await _value(connection, _QUERIES["has_schema"]):
        facts.schema = Schema(tuple(f"{one.version:04}_{one.name}" for one in migrations()), (), timescale=False)
        return facts
    await _take_a_role(connection, facts.takes if use_roles else frozenset())
    await _look_inside(connection, facts)
    return facts


async def _server(connection: Connection) -> DatabaseFacts:
    asked = datetime.now(UTC)
    [row] = await _rows(connection, "server")
    answered = datetime.now(UTC)
    version, now, login, superuser, tls, over_network, size, connections, idle = row
    return DatabaseFacts(
        version=version,
        login=login,
        superuser=bool(superuser),
        tls=tls,
        over_network=over_network,
        size=size,
        connections=connections,
        idle_in_transaction=idle,
        ahead=now - (asked + (answered - asked) / 2),
        took=answered - asked,
    )


async def _settings(connection: Connection) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for name, value, unit in await _rows(connection, "settings", (list(SETTINGS),)):
        found[name] = int(value) * _UNITS[unit] if unit in _UNITS else value
    return found


async def _take_a_role(connection: Connection, takes: frozenset[str]) -> None:
    role = next((role.value for role in _READERS if role.value in takes), None)
    if role is not None:
        await connection.execute("SELECT set_config('role', %s, false)", (role,))


async def _look_inside(connection: Connection, facts: DatabaseFacts) -> None:
    """Each part by itself: what the role may not see is left out."""
    for part in (_schema, _indexes, _uplinks, _maintenance, _jobs):
        try:
            await part(connection, facts)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
            continue


async def _schema(connection: Connection, facts: DatabaseFacts) -> None:
    rows = await (await connection.execute(_MIGRATIONS["applied_migrations"])).fetchall()
    applied = {version: f"{version:04}_{name}" for version, name, _ in rows}
    known = {one.version: f"{one.version:04}_{one.name}" for one in migrations()}
    decided = await _value(connection, _TIMESCALE["in_use"])
    facts.schema = Schema(
        pending=tuple(name for version, name in known.items() if version not in applied),
        unknown=tuple(name for version, name in applied.items() if version not in known),
        timescale=decided is not None,
    )


async def _indexes(connection: Connection, facts: DatabaseFacts) -> None:
    facts.invalid_indexes = tuple(name for (name,) in await _rows(connection, "invalid_indexes"))


async def _uplinks(connection: Connection, facts: DatabaseFacts) -> None:
    [(facts.uplinks, facts.lag_seconds)] = await _rows(connection, "uplinks")


async def _maintenance(connection: Connection, facts: DatabaseFacts) -> None:
    facts.retention_at = await _value(connection, _QUERIES["retention_ran_at"])
    facts.rollups_at = await rollups_fresh_at(connection)
    facts.maintenance_seen = True


async def _jobs(connection: Connection, facts: DatabaseFacts) -> None:
    if facts.schema is not None and facts.schema.timescale:
        facts.failing_jobs = tuple(name for (name,) in await _rows(connection, "failing_jobs"))


async def _rows(connection: Connection, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    return await (await connection.execute(_QUERIES[query], values)).fetchall()


async def _value(connection: Connection, query: LiteralString) -> Any:  # noqa: ANN401 - a column of any type
    row = await (await connection.execute(query)).fetchone()
    return None if row is None else row[0]
