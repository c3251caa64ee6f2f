"""The tables that follow from the reading kinds: one table per kind, one column per quantity."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Union, get_args, get_origin

from decoders.quantities import Quantity
from decoders.readings import Reading, quantities


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind table; `quantity` is None for the columns that every kind has."""

    name: str
    sql_type: str
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

_SQL_TYPES: tuple[tuple[type, str], ...] = (
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
    return COMMON + tuple(
        Column(name, sql_type(kind.model_fields[name].annotation), quantity=quantity)
        for name, quantity in quantities(kind).items()
    )


def sql_type(annotation: object) -> str:
    """The PostgreSQL type of a field annotation such as `float | None`."""
    if get_origin(annotation) in (Union, UnionType):
        [annotation] = [part for part in get_args(annotation) if part is not NoneType]
    for python_type, name in _SQL_TYPES:
        if isinstance(annotation, type) and issubclass(annotation, python_type):
            return name
    raise TypeError(f"no column type for {annotation!r}")
