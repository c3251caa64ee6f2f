"""Writes an archive from one snapshot, while services go on writing."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import IsolationLevel, sql

from decoders.readings import KINDS, Reading
from storage.archive.file import ArchiveWriter
from storage.archive.households import without_households
from storage.archive.manifest import Applied, ArchivedTable, ArchiveRefused, KindVersion, Manifest, Refusal
from storage.archive.tables import Source, find_sources
from storage.database import Connection, Role, connect
from storage.migrate import migrations
from storage.settings import DatabaseSettings
from storage.statements import load

_QUERIES = load("archive")

Told = Callable[[str, int], None]
"""Called with a table's name and how many more of its rows are through."""


async def export_archive(
    settings: DatabaseSettings,
    path: Path,
    *,
    households: bool = True,
    kinds: Sequence[type[Reading]] = KINDS,
    told: Told = lambda _table, _rows: None,
) -> Manifest:
    """Archive the database of `settings` in the new file `path`, readable by its owner alone.

    Args:
        households: False leaves out what is about single customers.

    Raises:
        ArchiveRefused: there is nothing to archive, or a file of that name.
        Retryable, Fatal: the database cannot be reached or refuses us.
        OSError: the file cannot be written.
    """
    with ArchiveWriter(path) as archive:
        connection = await connect(settings, role=Role.OWNER, application_name="stadtfunk db export")
        async with connection:
            await connection.execute(_QUERIES["no_limits"])
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            try:
                async with connection.transaction():
                    manifest = await _export(connection, archive, kinds, households=households, told=told)
            except psycopg.errors.OutOfMemory:
                raise ArchiveRefused(Refusal.TOO_FEW_LOCKS) from None
        archive.finish(manifest)
    return manifest


async def _export(
    connection: Connection, archive: ArchiveWriter, kinds: Sequence[type[Reading]], *, households: bool, told: Told
) -> Manifest:
    await connection.execute(_QUERIES["plain_output"])
    applied = await _migrations(connection)
    recorded = await (await connection.execute(_QUERIES["kinds"])).fetchall()
    versions = [
        KindVersion(kind=kind, version=number, columns=columns, applied_at=at) for kind, number, columns, at in recorded
    ]
    present = {version.kind for version in versions}
    known = [kind for kind in kinds if kind.kind in present]
    sources = await find_sources(connection, known)
    if not households:
        sources = await without_households(connection, sources, known)
    taken = await (await connection.execute(_QUERIES["snapshot"])).fetchone()
    timescale = await (await connection.execute("SELECT timescale FROM installation")).fetchone()
    assert taken is not None
    tables = [await _write(connection, archive, source, told) for source in sources]
    sequences = await (await connection.execute(_QUERIES["sequences"])).fetchall()
    return Manifest(
        program=version("stadtfunk"),
        taken_at=taken[0],
        server=taken[1],
        timescale=timescale[0] if timescale is not None else None,
        households=households,
        migrations=tuple(applied),
        kinds=tuple(versions),
        tables=tuple(tables),
        sequences=dict(sequences),
    )


async def _migrations(connection: Connection) -> list[Applied]:
    """What the database has, which must be what we know: an archive of tables unknown to us could lack some."""
    row = await (await connection.execute(_QUERIES["is_installed"])).fetchone()
    if row is None or not row[0]:
        raise ArchiveRefused(Refusal.NO_TABLES)
    found = await (await connection.execute(_QUERIES["migrations"])).fetchall()
    known = {migration.version for migration in migrations()}
    unknown = [f"{number:04}_{name}" for number, name, _ in found if number not in known]
    if unknown:
        raise ArchiveRefused(Refusal.UNKNOWN_SCHEMA, ", ".join(unknown))
    return [Applied(version=number, name=name, checksum=checksum) for number, name, checksum in found]


async def _write(connection: Connection, archive: ArchiveWriter, source: Source, told: Told) -> ArchivedTable:
    with archive.table(source.name) as writer:
        async with connection.cursor().copy(sql.SQL("COPY ({}) TO STDOUT").format(source.query)) as copy:
            while row := await copy.read():
                before = writer.rows
                writer.write(row)
                if writer.rows != before:
                    told(source.name, writer.rows - before)
        before = writer.rows
        described = writer.described(source.name, source.columns)
        told(source.name, described.rows - before)
    return described
