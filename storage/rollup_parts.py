"""Parts: what the readings of one bucket say by themselves, without a look at other buckets.

`<kind>_<width>_parts` is a continuous aggregate on TimescaleDB. On plain PostgreSQL it is a view of the table
`<kind>_<width>_parts_stored`, which maintenance fills, and of the readings for buckets that are not stored yet. A
quantity that a later version adds gets parts of its own (`…_parts_2`), so that no history is computed again from
readings that may be gone.
"""

from dataclasses import dataclass

from psycopg import sql

from decoders.readings import Reading
from storage.buckets import Width
from storage.rollup_columns import Measured, part_columns, part_suffixes
from storage.statements import load

_TEMPLATES = load("rollups")
_OBSERVED_AT = sql.SQL("r.observed_at")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of those quantities that one version of a kind brought."""

    kind: type[Reading]
    width: Width
    version: int
    quantities: tuple[Measured, ...]

    @property
    def name(self) -> str:
        """The relation that everything reads."""
        return f"{self.kind.kind}_{self.width}_parts" + ("" if self.version == 1 else f"_{self.version}")

    @property
    def stored(self) -> str:
        """The table below it on plain PostgreSQL."""
        return f"{self.name}_stored"


def relation(name: str) -> sql.Identifier:
    """A relation of our schema."""
    return sql.Identifier("stadtfunk", name)


def parts_query(
    parts: Parts, *, timescale: bool, condition: sql.Composable | None = None, since: sql.Composable | None = None
) -> sql.Composed:
    """The parts of the readings for which `condition` holds; of those at or after `since`, a start of a bucket."""
    conditions = [] if condition is None else [condition]
    if parts.version > 1:  # readings from before the quantity was known make no rows
        known = [sql.SQL("r.{} IS NOT NULL").format(sql.Identifier(quantity.name)) for quantity in parts.quantities]
        conditions.append(sql.SQL("({})").format(sql.SQL(" OR ").join(known)))
    if since is not None:
        conditions.append(sql.SQL("r.observed_at >= {}").format(since))
    return sql.SQL(_TEMPLATES["parts"]).format(
        bucket=_bucket(parts.width, timescale=timescale, since=since),
        columns=sql.SQL(", ").join(column for quantity in parts.quantities for column in part_columns(quantity)),
        table=relation(parts.kind.kind),
        condition=sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
    )


def _bucket(width: Width, *, timescale: bool, since: sql.Composable | None) -> sql.Composed:
    if timescale:
        return width.start_in_timescale(_OBSERVED_AT)
    return width.start(_OBSERVED_AT) if since is None else width.start_from(_OBSERVED_AT, since)


def live_parts_view(parts: Parts) -> sql.Composed:
    """On plain PostgreSQL: what is stored, and the rest from the readings."""
    live = parts_query(parts, timescale=False, since=first_open(parts.kind, parts.width))
    return sql.SQL("CREATE VIEW {} AS SELECT {} FROM {} UNION ALL {}").format(
        relation(parts.name), part_names(parts), relation(parts.stored), live
    )


def part_names(parts: Parts) -> sql.Composed:
    """The columns of `parts_query`, by name, since a model may change the order of its fields."""
    return sql.SQL(", ").join(map(sql.Identifier, names_of_columns(parts)))


def names_of_columns(parts: Parts) -> tuple[str, ...]:
    """The names of the columns of `parts_query`."""
    own = [f"{quantity.name}_{suffix}" for quantity in parts.quantities for suffix in part_suffixes(quantity)]
    return ("device_id", "subject", "channel", "bucket", "readings", *own)


def first_open(kind: type[Reading], width: Width) -> sql.Composed:
    """SQL for the start of the bucket that `stored_before` lies in; a query, so that it is not computed row by row."""
    return sql.SQL("(SELECT {})").format(width.start(stored_before(kind)))


def stored_before(kind: type[Reading]) -> sql.Composed:
    """SQL for the time before which maintenance has stored the kind's hours; without maintenance: before all time."""
    return sql.SQL(_TEMPLATES["stored_before"]).format(kind=sql.Literal(kind.kind))
