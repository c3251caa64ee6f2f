"""Puts an archive into an empty database: all of it in one transaction, or nothing.

The tables are made as the archive's database had them, filled, and then migrated to this version, which is the way that
the database itself would have gone. Foreign keys are checked by the server; counts and checksums by us, before the
commit.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from decoders.readings import KINDS, Reading
from storage.archive.export import Told
from storage.archive.file import ArchiveReader
from storage.archive.manifest import ArchivedTable, ArchiveRefused, KindVersion, Manifest, Refusal
from storage.archive.rows import Row, columns_of, parse
from storage.archive.tables import KEPT_BY_MAINTENANCE, SEEDED, Target, find_targets, tables_to_fill
from storage.database import Connection, Role, connect
from storage.faults import fault_point
from storage.migrate import Migration, found, migrate, migrations
from storage.rollup_parts import relation, stored_before
from storage.rollups import parts_of
from storage.settings import DatabaseSettings, RetentionSettings
from storage.statements import load
from storage.timescale import uses_timescale

_QUERIES = load("archive")
_ROWS_AT_ONCE = 2000
_REPLACED = SEEDED | KEPT_BY_MAINTENANCE


async def check_archive(path: Path, settings: DatabaseSettings, *, kinds: Sequence[type[Reading]] = KINDS) -> Manifest:
    """Read all of an archive and look whether the database would take it; nothing is written. Raises as the import."""
    with ArchiveReader(path) as archive:
        _numbered(archive.manifest)
        _versions(archive.manifest, kinds)
        async with await _connected(settings, role=None) as connection:
            await _check_database(connection, archive.manifest)
        for table in archive.manifest.tables:
            for _ in archive.blocks(table):
                pass
        return archive.manifest


async def import_archive(
    settings: DatabaseSettings,
    path: Path,
    retention: RetentionSettings,
    *,
    copy: bool = True,
    kinds: Sequence[type[Reading]] = KINDS,
    told: Told = lambda _table, _rows: None,
) -> Manifest:
    """Fill the empty database of `settings` from the archive `path` and bring it to this version.

    Args:
        copy: False writes with INSERT, for servers that do not take COPY; several times slower.

    Raises:
        ArchiveRefused: the database is as it was, save for empty tables.
        MigrationRefused, Retryable, Fatal: the database cannot be made, reached, or refuses us.
        OSError: the file cannot be read.
    """
    with ArchiveReader(path) as archive:
        manifest = archive.manifest
        numbered, versions = _numbered(manifest), _versions(manifest, kinds)
        async with await _connected(settings, role=None) as connection:
            await _check_database(connection, manifest)
        await found(settings, numbered, versions)
        current = len(numbered) == len(migrations())
        if current:  # before the rows: when these are committed, nothing is left to do
            await migrate(settings, retention, kinds=kinds)
        async with await _connected(settings, role=Role.OWNER) as connection:
            targets = await _load(connection, archive, kinds, copy=copy, told=told)
            for target in targets:
                await connection.execute(sql.SQL("ANALYZE {}").format(target.relation))
            if await uses_timescale(connection):
                await _refresh(connection, kinds)
        if not current:
            await migrate(settings, retention, kinds=kinds)
    return manifest


def _numbered(manifest: Manifest) -> list[Migration]:
    """The migrations of the archive's database, as we know them."""
    known = {migration.version: migration for migration in migrations()}
    for applied in manifest.migrations:
        ours = known.get(applied.version)
        if ours is None:
            raise ArchiveRefused(Refusal.NEWER, f"{applied.version:04}_{applied.name}")
        if ours.checksum != applied.checksum:
            raise ArchiveRefused(Refusal.OTHER_MIGRATION, f"{applied.version:04}_{applied.name}")
    return [known[applied.version] for applied in manifest.migrations]


def _versions(manifest: Manifest, kinds: Sequence[type[Reading]]) -> list[tuple[type[Reading], KindVersion]]:
    known = {kind.kind: kind for kind in kinds}
    unknown = sorted({version.kind for version in manifest.kinds} - known.keys())
    if unknown:
        raise ArchiveRefused(Refusal.UNKNOWN_KIND, ", ".join(unknown))
    return [(known[version.kind], version) for version in manifest.kinds]


async def _connected(settings: DatabaseSettings, *, role: Role | None) -> Connection:
    connection = await connect(settings, role=role, application_name="stadtfunk db import")
    await connection.execute(_QUERIES["no_limits"])
    return connection


async def _check_database(connection: Connection, manifest: Manifest) -> None:
    """There is nothing of ours, or empty tables of the archive's state or one on the way to it (an import that ended
    early); rows cannot change their version on the way.
    """
    row = await (await connection.execute(_QUERIES["is_void"])).fetchone()
    if row is not None and row[0]:
        return
    await _check_empty(connection, await tables_to_fill(connection))
    applied = await (await connection.execute(_QUERIES["migrations"])).fetchall()
    recorded = await (await connection.execute(_QUERIES["kinds"])).fetchall()
    theirs = {(version.kind, version.version): version.columns for version in manifest.kinds}
    shared = {kind for kind, _ in theirs}
    ahead = {number for number, _, _ in applied} - {one.version for one in manifest.migrations}
    others = [kind for kind, number, columns, _ in recorded if kind in shared and theirs.get((kind, number)) != columns]
    if ahead or others:
        raise ArchiveRefused(Refusal.OTHER_SCHEMA)


async def _targets(connection: Connection, manifest: Manifest, kinds: Sequence[type[Reading]]) -> dict[str, Target]:
    """Where the archive's tables go, by name, each with all columns that the archive has."""
    present = await find_targets(connection, kinds)
    for table in manifest.tables:
        missing = set(table.columns) - present[table.name].types.keys() if table.name in present else {"*"}
        if missing:
            raise ArchiveRefused(Refusal.UNKNOWN_COLUMN, ", ".join(f"{table.name}.{name}" for name in sorted(missing)))
    return present


async def _check_empty(connection: Connection, targets: Mapping[str, Target]) -> None:
    for name, target in targets.items():
        if name not in _REPLACED:
            query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(target.relation)
            row = await (await connection.execute(query)).fetchone()
            if row is None or row[0]:
                raise ArchiveRefused(Refusal.NOT_EMPTY, name)


async def _load(
    connection: Connection, archive: ArchiveReader, kinds: Sequence[type[Reading]], *, copy: bool, told: Told
) -> list[Target]:
    manifest = archive.manifest
    try:
        async with connection.transaction():
            await connection.execute(_QUERIES["plain_output"])
            targets = await _targets(connection, manifest, kinds)
            await _lock(connection, targets)
            await _check_empty(connection, targets)
            triggers = await (await connection.execute(_QUERIES["triggers"])).fetchall()
            await _switch(connection, "DISABLE", triggers)
            for table in manifest.tables:
                target = targets[table.name]
                if table.name in _REPLACED:
                    await connection.execute(sql.SQL("DELETE FROM {}").format(target.relation))
                write = _copy if copy else _insert
                await write(connection, archive, table, target, told)
                await _check_count(connection, table, target)
            await _switch(connection, "ENABLE", triggers)
            for name, value in manifest.sequences.items():
                await connection.execute(_QUERIES["set_sequence"], {"name": name, "value": value})
            fault_point("archive_loaded")
    except psycopg.errors.OutOfMemory:
        raise ArchiveRefused(Refusal.TOO_FEW_LOCKS) from None
    return [targets[table.name] for table in manifest.tables]


async def _refresh(connection: Connection, kinds: Sequence[type[Reading]]) -> None:
    """Let continuous aggregates show what was put below them, older than their readings; where this is cut short, their
    policies do it.
    """
    for kind in kinds:
        for parts in await parts_of(connection, kind):
            query = sql.SQL(_QUERIES["span_to_refresh"]).format(
                table=relation(kind.kind), end=stored_before(kind), least=sql.Literal(f"2 {parts.width.unit}")
            )
            for low, high in await (await connection.execute(query)).fetchall():
                values = (f"stadtfunk.{parts.name}", low, high)
                await connection.execute(_QUERIES["refresh_aggregate"], values)


async def _lock(connection: Connection, targets: Mapping[str, Target]) -> None:
    """Nobody else writes until the commit."""
    names = sql.SQL(", ").join(target.relation for target in targets.values())
    try:
        await connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(names))
    except psycopg.errors.LockNotAvailable:
        raise ArchiveRefused(Refusal.IN_USE) from None


async def _switch(connection: Connection, verb: LiteralString, triggers: Sequence[tuple[str, str]]) -> None:
    for table, name in triggers:
        statement = sql.SQL("ALTER TABLE {} {} TRIGGER {}")
        await connection.execute(statement.format(relation(table), sql.SQL(verb), sql.Identifier(name)))


async def _copy(
    connection: Connection, archive: ArchiveReader, table: ArchivedTable, target: Target, told: Told
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target.relation, _names(table))
    async with connection.cursor().copy(statement) as copy:
        for block in archive.blocks(table):
            await copy.write(block)
            told(table.name, block.count(b"\n"))


async def _insert(
    connection: Connection, archive: ArchiveReader, table: ArchivedTable, target: Target, told: Told
) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS t ({})").format(
        target.relation,
        _names(table),
        sql.SQL(", ").join(_cast(name, target.types[name]) for name in table.columns),
        sql.SQL(", ").join(sql.SQL("%s::text[]") for _ in table.columns),
        _names(table),
    )
    for rows in _portions(archive, table):
        await connection.execute(statement, columns_of(rows))
        told(table.name, len(rows))


def _cast(column: str, sql_type: LiteralString) -> sql.Composed:
    return sql.SQL("t.{}::{}").format(sql.Identifier(column), sql.SQL(sql_type))


def _portions(archive: ArchiveReader, table: ArchivedTable) -> Iterator[list[Row]]:
    for block in archive.blocks(table):
        rows = list(parse(block))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield rows[start : start + _ROWS_AT_ONCE]


async def _check_count(connection: Connection, table: ArchivedTable, target: Target) -> None:
    row = await (await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(target.relation))).fetchone()
    if row is None or row[0] != table.rows:
        raise ArchiveRefused(Refusal.DAMAGED, table.name)


def _names(table: ArchivedTable) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, table.columns))
