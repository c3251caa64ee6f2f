"""The tables that follow from the reading kinds: one table per kind, one column per quantity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import LiteralString, Union, get_args, get_origin

from psycopg import sql

from decoders.quantities import Quantity
from decoders.readings import Reading, quantities


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind table; `quantity` is None for the columns that every kind has."""

    name: str
    sql_type: LiteralString
    not_null: bool = False
    quantity: Quantity | None = None


KEY = ("device_id", "subject", "channel", "observed_at")
"""The unique key of every kind table (DESIGN decision 3)."""

COMMON: tuple[Column, ...] = (
    Column("device_id", "integer", not_null=True),
    Column("subject", "text", not_null=True),
    Column("channel", "smallint", not_null=True),
    Column("observed_at", "timestamptz", not_null=True),
    Column("flags", "smallint", not_null=True),
    Column("uplink_ns_time", "timestamptz", not_null=True),
    Column("uplink_f_cnt", "bigint", not_null=True),
    Column("decoder_id", "smallint"),
)

_SQL_TYPES: tuple[tuple[type, LiteralString], ...] = (
    (bool, "boolean"),
    (int, "bigint"),
    (float, "double precision"),
    (datetime, "timestamptz"),
    (StrEnum, "text"),
    (str, "text"),
)


def columns(kind: type[Reading]) -> tuple[Column, ...]:
    """All columns of the kind's table, the common ones first.

    Raises:
        TypeError: a field has a type that no column stands for.
    """
    return COMMON + measured(kind)


@cache
def measured(kind: type[Reading]) -> tuple[Column, ...]:
    """The columns of the kind's quantities alone. Raises like `columns`."""
    return tuple(
        Column(name, sql_type(kind.model_fields[name].annotation), quantity=quantity)
        for name, quantity in quantities(kind).items()
    )


@cache
def insert_statement(kind: type[Reading]) -> sql.Composed:
    """`INSERT … SELECT unnest(…)` for the kind's table, one binary array parameter for each of `columns(kind)`."""
    found = columns(kind)
    return sql.SQL("INSERT INTO {} ({}) SELECT {} ON CONFLICT DO NOTHING").format(
        sql.Identifier(kind.kind),
        sql.SQL(", ").join(sql.Identifier(column.name) for column in found),
        sql.SQL(", ").join(sql.SQL("unnest(%b::{}[])").format(sql.SQL(column.sql_type)) for column in found),
    )


def sql_type(annotation: object) -> LiteralString:
    """The PostgreSQL type of a field annotation such as `float | None`."""
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = [part for part in get_args(annotation) if part is not NoneType]
    for python_type, name in _SQL_TYPES:
        if isinstance(annotation, type) and issubclass(annotation, python_type):
            return name
    raise TypeError(f"no column type for {annotation!r}")


def create_table(kind: type[Reading], only: Sequence[Column] | None = None) -> sql.Composed:
    """The kind's table with its unique key, and a small index by time for retention, rollups and live tails.

    Args:
        only: the columns, where they are not those of the model: of another version of the kind.
    """
    table = sql.Identifier(kind.kind)
    statement = (
        "CREATE TABLE {table} ({columns}, UNIQUE ({key}));"
        " CREATE INDEX {index} ON {table} USING brin ({time}) WITH (autosummarize = on)"
    )
    return sql.SQL(statement).format(
        table=table,
        columns=sql.SQL(", ").join(_definition(column) for column in only or columns(kind)),
        key=sql.SQL(", ").join(map(sql.Identifier, KEY)),
        index=sql.Identifier(f"{kind.kind}_observed_at_idx"),
        time=sql.Identifier("observed_at"),
    )


def recorded_columns(recorded: Mapping[str, str]) -> tuple[Column, ...]:
    """The columns that a version of a kind had, as `kind_version` tells them.

    Raises:
        ValueError: a type that no column of ours has.
    """
    common = {column.name: column for column in COMMON}
    known: dict[str, LiteralString] = {name: name for _, name in _SQL_TYPES}
    if not recorded.keys() >= common.keys() or not set(recorded.values()) <= known.keys() | {"integer", "smallint"}:
        raise ValueError("no columns of a kind")
    own = (Column(name, known[written]) for name, written in recorded.items() if name not in common)
    return (*COMMON, *own)


def add_columns(kind: type[Reading], added: Sequence[Column]) -> sql.Composed:
    """Extends the kind's table; new columns are empty for the readings that are there."""
    additions = sql.SQL(", ").join(sql.SQL("ADD COLUMN {}").format(_definition(column)) for column in added)
    return sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(kind.kind), additions)


def _definition(column: Column) -> sql.Composed:
    name, sql_type = sql.Identifier(column.name), sql.SQL(column.sql_type)
    return sql.SQL("{} {} NOT NULL" if column.not_null else "{} {}").format(name, sql_type)
