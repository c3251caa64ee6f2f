"""Which columns a quantity has in a rollup, by its nature, and how each is made from readings.

gauge → avg, min, max, n; counter → first, last, delta, resets; state → last, seconds. The columns `delta`, `resets`
and `seconds` reach across buckets (*steps*); the others need only the readings of their bucket (*parts*).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from decoders.quantities import Nature
from decoders.readings import Reading
from storage.kinds import Column, columns


@dataclass(frozen=True, slots=True)
class Measured:
    """One quantity's column of a kind table, as the rollups see it."""

    name: str
    sql_type: LiteralString
    nature: Nature

    @property
    def has_seconds(self) -> bool:
        """A state whose duration means something; a clock or a date is always another one."""
        return self.nature is Nature.STATE and self.sql_type != "timestamptz"

    @property
    def has_steps(self) -> bool:
        """True when something of it reaches across buckets."""
        return self.nature is Nature.COUNTER or self.has_seconds

    def column(self, suffix: str) -> sql.Identifier:
        """The rollup column `<name>_<suffix>`."""
        return sql.Identifier(f"{self.name}_{suffix}")


def measured(kind: type[Reading]) -> tuple[Measured, ...]:
    """The kind's quantities in order of definition."""
    return tuple(_measured(columns(kind)))


def _measured(all_columns: Iterable[Column]) -> Iterable[Measured]:
    for column in all_columns:
        if column.quantity is not None:
            yield Measured(column.name, column.sql_type, column.quantity.nature)


_LAST: LiteralString = "(array_agg({q} ORDER BY r.observed_at DESC) FILTER (WHERE {q} IS NOT NULL))[1]"
_PARTS: dict[Nature, dict[str, LiteralString]] = {
    Nature.GAUGE: {
        # through numeric, whose sums do not depend on the order of rows, so that both databases agree to the last bit
        "avg": "avg({q}::numeric)::double precision",
        "min": "min({q})",
        "max": "max({q})",
        "n": "count({q})",
    },
    Nature.COUNTER: {
        "first": "(array_agg({q} ORDER BY r.observed_at) FILTER (WHERE {q} IS NOT NULL))[1]",
        "last": _LAST,
    },
    Nature.STATE: {"last": _LAST},
}
_TYPES: dict[str, LiteralString] = {
    "avg": "double precision",
    "n": "bigint",
    "delta": "double precision",
    "resets": "integer",
    "seconds": "jsonb",
}


def part_suffixes(quantity: Measured) -> tuple[str, ...]:
    """The columns of `quantity` that the readings of a bucket give by themselves."""
    return tuple(_PARTS[quantity.nature])


def step_suffixes(quantity: Measured) -> tuple[str, ...]:
    """The columns of `quantity` that reach across buckets."""
    if quantity.nature is Nature.COUNTER:
        return ("delta", "resets")
    return ("seconds",) if quantity.has_seconds else ()


def column_type(quantity: Measured, suffix: str) -> LiteralString:
    """The type of the rollup column `<name>_<suffix>`."""
    return _TYPES.get(suffix, quantity.sql_type)


def part_columns(quantity: Measured) -> list[sql.Composed]:
    """`<aggregate> AS <column>` for each part of `quantity`, from readings with the alias `r`."""
    value = sql.SQL("r.{}").format(sql.Identifier(quantity.name))
    return [
        sql.SQL("{} AS {}").format(sql.SQL(template).format(q=value), quantity.column(suffix))
        for suffix, template in _PARTS[quantity.nature].items()
    ]


_MERGED: dict[str, LiteralString] = {
    "n": "coalesce(max({c}), 0)",
    "resets": "sum({c})::integer",
    "delta": "sum({c})",
    "seconds": "stadtfunk.sum_seconds({c})",
}


def merged_columns(quantity: Measured) -> list[sql.Composed]:
    """The rollup's columns from a union of parts and steps, where each value stands in one row, NULL in the others."""
    return [
        sql.SQL("{} AS {}").format(sql.SQL(_merge(quantity, suffix)).format(c=column), column)
        for suffix in (*part_suffixes(quantity), *step_suffixes(quantity))
        for column in [quantity.column(suffix)]
    ]


def _merge(quantity: Measured, suffix: str) -> LiteralString:
    default: LiteralString = "bool_or({c})" if quantity.sql_type == "boolean" else "max({c})"
    return _MERGED.get(suffix, default)
