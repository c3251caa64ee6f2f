"""Bring a database to this version's schema: numbered migrations first, then what follows from the reading kinds.

Migrations only go forward. Each runs in a transaction of its own and is recorded with its checksum; a file that
changed after it was applied is refused. Kind tables grow by new columns; a changed type is refused with instructions.
"""

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString

import psycopg

from decoders.readings import KINDS, Reading
from storage.database import Connection, Role, connect, locked
from storage.kind_tables import KindVersion, ensure_kind_table, restore_kind_version
from storage.policies import ensure_policies, policies
from storage.refusal import MigrationRefused
from storage.roles import create_roles, grant
from storage.rollups import ensure_rollups, ensure_stored, parts_of
from storage.settings import DatabaseSettings, RetentionSettings
from storage.statements import load
from storage.timescale import detect, ensure_hypertables
from storage.views import ensure_views

_log = logging.getLogger(__name__)

_QUERIES = load("migrate")
_FILE_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of `storage/migrations/`."""

    version: int
    name: str
    sql: LiteralString

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, whatever the line ends of the checkout."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a run of `migrate` changed; `timescale` is the version in use, None on plain PostgreSQL."""

    migrations: tuple[str, ...]
    kinds: tuple[str, ...]
    timescale: str | None


def migrations() -> tuple[Migration, ...]:
    """All migrations in order.

    Raises:
        ValueError: a file name is wrong or a number is missing or taken twice.
    """
    found = []
    for file in files("storage").joinpath("migrations").iterdir():
        match = _FILE_NAME.match(file.name)
        if match is None:
            raise ValueError(f"migrations/{file.name}: expected 0001_name.sql")
        text: LiteralString = file.read_text(encoding="utf-8")
        found.append(Migration(int(match[1]), match[2], text))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError("migrations are numbered 0001, 0002, … without gaps")
    return tuple(found)


async def migrate(
    settings: DatabaseSettings,
    retention: RetentionSettings | None = None,
    *,
    kinds: Sequence[type[Reading]] = KINDS,
    numbered: Sequence[Migration] | None = None,
) -> Migrated:
    """Bring the database of `settings` to this version; harmless when it is there already.

    Args:
        retention: what TimescaleDB's policies shall do; on plain PostgreSQL maintenance gets it at every pass.

    Raises:
        MigrationRefused: with instructions.
        Retryable, Fatal: the database cannot be reached or refuses us.
    """
    async with _migrating(settings) as (connection, timescale):
        applied = await _apply(connection, migrations() if numbered is None else numbered)
        changed = [kind.kind for kind in kinds if await ensure_kind_table(connection, kind)]
        if timescale:
            await ensure_hypertables(connection, kinds)
        await ensure_rollups(connection, kinds, timescale=timescale is not None)
        await ensure_views(connection, kinds)
        if timescale:
            parts = [part for kind in kinds for part in await parts_of(connection, kind)]
            await ensure_policies(connection, policies(kinds, parts, retention or RetentionSettings()))
        if settings.use_roles:
            await grant(connection, kinds)
    _log.info("migrated migrations=%d kinds=%d timescale=%s", len(applied), len(changed), timescale or "none")
    return Migrated(tuple(applied), tuple(changed), timescale)


async def found(
    settings: DatabaseSettings, numbered: Sequence[Migration], versions: Sequence[tuple[type[Reading], KindVersion]]
) -> None:
    """Make the tables of a database as another one has them, for its rows to be put in; `migrate` does the rest.

    Args:
        numbered: the migrations that the other one has.
        versions: of its reading kinds, in order.

    Raises:
        MigrationRefused, Retryable, Fatal: as `migrate`.
    """
    async with _migrating(settings) as (connection, timescale):
        await _apply(connection, numbered)
        for kind, recorded in versions:
            await restore_kind_version(connection, kind, recorded)
        kinds = list(dict.fromkeys(kind for kind, _ in versions))
        if timescale:
            await ensure_hypertables(connection, kinds)
        for kind in kinds:
            await ensure_stored(connection, kind, timescale=timescale is not None)


@asynccontextmanager
async def _migrating(settings: DatabaseSettings) -> AsyncIterator[tuple[Connection, str | None]]:
    """A connection that alone migrates, as the owner, and the version of TimescaleDB in use."""
    connection = await connect(settings, application_name="stadtfunk migrate")
    async with connection:
        # A migration may rewrite a table; its own waits end with the operator's patience, not with a timer.
        await connection.execute(
            "SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '60s', false)"
        )
        async with locked(connection, "migrate"):
            yield connection, await _prepare(connection, settings)


async def pending(connection: Connection) -> tuple[str, ...]:
    """Names of migrations that this version has and the database has not; empty when it is current."""
    cursor = await connection.execute("SELECT to_regclass('stadtfunk.schema_migration') IS NOT NULL")
    row = await cursor.fetchone()
    known = await _applied(connection) if row is not None and row[0] else {}
    return tuple(f"{m.version:04}_{m.name}" for m in migrations() if m.version not in known)


async def unknown(connection: Connection) -> tuple[str, ...]:
    """Names of migrations that the database has and this version has not; empty unless it is older."""
    known = {migration.version for migration in migrations()}
    applied = await _applied(connection)
    return tuple(f"{version:04}_{name}" for version, (name, _) in applied.items() if version not in known)


async def _prepare(connection: Connection, settings: DatabaseSettings) -> str | None:
    """Roles, schema, records and the decision about TimescaleDB; afterwards we act as the owner."""
    if settings.use_roles:
        await create_roles(connection)
    await connection.execute(_QUERIES["create_schema"])
    if settings.use_roles:
        await connection.execute(_QUERIES["own_schema"])
    timescale = await detect(connection, wanted=settings.timescale == "auto")
    await _create_btree_gist(connection)
    if settings.use_roles:
        await connection.execute("SELECT set_config('role', %s, false)", (Role.OWNER.value,))
    await connection.execute(_QUERIES["create_records"])
    return await _decide_once(connection, timescale)


async def _create_btree_gist(connection: Connection) -> None:
    """The one extension of PostgreSQL's own that the schema needs: bindings of assets exclude each other with it."""
    try:
        await connection.execute(_QUERIES["create_btree_gist"])
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported) as error:
        raise MigrationRefused(
            "the extension btree_gist is missing: install PostgreSQL's contrib package and let an administrator run "
            "`CREATE EXTENSION btree_gist` in this database"
        ) from error


async def _decide_once(connection: Connection, timescale: str | None) -> str | None:
    """The version in use. A database that began on plain PostgreSQL stays plain, and the other way round."""
    row = await (await connection.execute(_QUERIES["find_installation"])).fetchone()
    if row is None:
        await connection.execute(_QUERIES["record_installation"], (timescale,))
        return timescale
    if row[0] is not None and timescale is None:
        raise MigrationRefused("this database was made with TimescaleDB, which is missing now: install it again")
    return timescale if row[0] is not None else None


async def _apply(connection: Connection, wanted: Sequence[Migration]) -> list[str]:
    known = await _applied(connection)
    _check(known, wanted)
    applied = []
    for migration in wanted:
        if migration.version not in known:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    _QUERIES["record_migration"], (migration.version, migration.name, migration.checksum)
                )
            applied.append(f"{migration.version:04}_{migration.name}")
    return applied


async def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    cursor = await connection.execute(_QUERIES["applied_migrations"])
    return {version: (name, checksum) for version, name, checksum in await cursor.fetchall()}


def _check(known: dict[int, tuple[str, str]], wanted: Sequence[Migration]) -> None:
    by_version = {migration.version: migration for migration in wanted}
    for version, (name, checksum) in known.items():
        migration = by_version.get(version)
        if migration is None:
            raise MigrationRefused(
                f"the database has migration {version:04}_{name}, unknown to this version: use a newer Stadtfunk"
            )
        if migration.checksum != checksum:
            raise MigrationRefused(
                f"migration {version:04}_{name} changed after it was applied: restore the file, add a new migration"
            )
