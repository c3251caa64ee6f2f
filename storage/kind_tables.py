"""Makes and extends the tables of the reading kinds; every change is a row of `kind_version`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from psycopg.types.json import Jsonb

from decoders.readings import Reading
from storage.database import Connection
from storage.kinds import add_columns, columns, create_table, recorded_columns
from storage.refusal import MigrationRefused
from storage.statements import load

_QUERIES = load("migrate")


class KindVersion(Protocol):
    """A row of `kind_version`: a version of a kind with all its columns, name → type."""

    @property
    def version(self) -> int:
        """Counted from 1."""

    @property
    def columns(self) -> Mapping[str, str]:
        """All columns, the common ones, too."""

    @property
    def applied_at(self) -> datetime:
        """When the database got it."""


async def ensure_kind_table(connection: Connection, kind: type[Reading]) -> bool:
    """Make the kind's table or add its new columns; True when something changed. Columns are never dropped.

    Raises:
        MigrationRefused: a field's type is not the column's.
    """
    wanted = {column.name: column.sql_type for column in columns(kind)}
    version, recorded = await _recorded(connection, kind)
    _check(kind, wanted, recorded)
    missing = [column for column in columns(kind) if column.name not in recorded]
    if not missing:
        return False
    async with connection.transaction():
        await connection.execute(add_columns(kind, missing) if version else create_table(kind))
        await connection.execute(_QUERIES["record_kind"], (kind.kind, version + 1, Jsonb({**recorded, **wanted})))
    return True


async def restore_kind_version(connection: Connection, kind: type[Reading], recorded: KindVersion) -> None:
    """Make the kind's table, or add its columns, as that version had it; nothing when it is there already."""
    latest, known = await _recorded(connection, kind)
    if recorded.version <= latest:
        return
    order = [column.name for column in columns(kind)]
    added = [column for column in recorded_columns(recorded.columns) if column.name not in known]
    added.sort(key=lambda column: order.index(column.name) if column.name in order else len(order))
    async with connection.transaction():
        await connection.execute(add_columns(kind, added) if latest else create_table(kind, added))
        values = (kind.kind, recorded.version, Jsonb(dict(recorded.columns)), recorded.applied_at)
        await connection.execute(_QUERIES["restore_kind"], values)


async def _recorded(connection: Connection, kind: type[Reading]) -> tuple[int, dict[str, str]]:
    row = await (await connection.execute(_QUERIES["kind_columns"], (kind.kind,))).fetchone()
    return (0, {}) if row is None else (row[0], row[1])


def _check(kind: type[Reading], wanted: dict[str, str], recorded: dict[str, str]) -> None:
    changed = [
        f"{kind.kind}.{name} is {recorded[name]}, the model wants {sql_type}"
        for name, sql_type in wanted.items()
        if recorded.get(name, sql_type) != sql_type
    ]
    if changed:
        raise MigrationRefused(
            f"the type of a column changed: {'; '.join(changed)}. Give the field a new name (the old column stays), "
            "or write a numbered migration that converts the column and records it in kind_version"
        )
