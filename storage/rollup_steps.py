"""What reaches across buckets: how far a counter went since the reading before, how long a state lasted.

No continuous aggregate can look at the reading before a bucket, so these columns are computed by one statement that
is the same on both databases: maintenance stores its rows for hours that are over, the views run it for the rest.
Days are made from the steps of their hours.

Rules. A counter's step belongs to the bucket of the later reading, so steps of hours add up to steps of days. A
counter that falls below half of its last value has begun again at zero; a smaller fall is a correction and counts
as such. A state lasts until the next reading of it, at most `HOLD`. Neither crosses a change of the asset that the
device is bound to. (`docs/decisions/0004-rollups.md`)
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg import sql

from decoders.quantities import Nature
from decoders.readings import Reading
from storage.bindings import bound_at
from storage.buckets import Width
from storage.rollup_columns import Measured, column_type, measured, step_suffixes
from storage.rollup_parts import relation
from storage.statements import load

HOLD = timedelta(hours=25)
"""How long a state is believed without a word of the device: one day and a bit, for sensors with a daily heartbeat."""

_TEMPLATES = load("rollups")
_BOUND = bound_at(sql.Identifier("r"), sql.SQL("r.observed_at"))


def has_steps(kind: type[Reading]) -> bool:
    """True when a quantity of the kind reaches across buckets."""
    return any(quantity.has_steps for quantity in measured(kind))


def has_spans(kind: type[Reading]) -> bool:
    """True when the kind has a state whose duration is kept: then buckets without a reading have rows, too."""
    return any(quantity.has_seconds for quantity in measured(kind))


def hourly_steps(
    kind: type[Reading], *, low: sql.Composable, high: sql.Composable, states: bool = True
) -> sql.Composed:
    """The rows of all hours in [low, high), from the readings: key, binding, bucket and the step columns.

    Args:
        states: without them their columns are NULL, and the readings before `low` are not looked at.
    """
    sources = (
        ("counter_amounts", [q for q in measured(kind) if q.nature is Nature.COUNTER], sql.SQL("numeric")),
        ("state_amounts", [q for q in measured(kind) if q.has_seconds and states], sql.SQL("text")),
    )
    amounts = [
        sql.SQL(_TEMPLATES[name]).format(
            table=relation(kind.kind),
            bound=_BOUND,
            values=_long_form(quantities, sql_type),
            low=low,
            high=high,
            hold=sql.Literal(HOLD),
        )
        for name, quantities, sql_type in sources
        if quantities
    ]
    return _steps(kind, sql.SQL(" UNION ALL ").join(amounts))


def daily_steps(
    kind: type[Reading], hourly: sql.Composable, *, low: sql.Composable, high: sql.Composable
) -> sql.Composed:
    """The rows of all days in [low, high), which starts with a day, from `hourly`, a query of the steps of hours."""
    values = [
        sql.SQL("({name}, {delta}, {resets}, {seconds})").format(
            name=sql.Literal(quantity.name),
            **{
                suffix: sql.SQL("h.{}").format(quantity.column(suffix))
                if suffix in step_suffixes(quantity)
                else sql.SQL("NULL::{}").format(sql.SQL(column_type(quantity, suffix)))
                for suffix in ("delta", "resets", "seconds")
            },
        )
        for quantity in measured(kind)
        if quantity.has_steps
    ]
    amounts = sql.SQL(_TEMPLATES["daily_amounts"]).format(
        bucket=Width.DAILY.start_from(sql.SQL("h.bucket"), low),
        hourly=hourly,
        values=sql.SQL(", ").join(values),
        low=low,
        high=high,
    )
    return _steps(kind, amounts)


def steps_name(kind: type[Reading], width: Width) -> str:
    """The table of the kind's steps."""
    return f"{kind.kind}_{width}_steps"


def stored_steps(kind: type[Reading], width: Width) -> sql.Composed:
    """A query of everything in that table."""
    return sql.SQL("SELECT {} FROM {}").format(step_names(kind), relation(steps_name(kind, width)))


def steps_table(kind: type[Reading], width: Width) -> sql.Composed:
    """The table of steps, without its columns, which are added as quantities come."""
    return sql.SQL(
        "CREATE TABLE {} (device_id integer NOT NULL, subject text NOT NULL, channel smallint NOT NULL,"
        " binding integer NOT NULL, bucket timestamptz NOT NULL, UNIQUE (device_id, subject, channel, bucket, binding))"
    ).format(relation(steps_name(kind, width)))


def steps_columns(kind: type[Reading], width: Width) -> sql.Composed:
    """Adds the step columns that are missing."""
    additions = [
        sql.SQL("ADD COLUMN IF NOT EXISTS {} {}").format(
            quantity.column(suffix), sql.SQL(column_type(quantity, suffix))
        )
        for quantity in measured(kind)
        for suffix in step_suffixes(quantity)
    ]
    return sql.SQL("ALTER TABLE {} {}").format(relation(steps_name(kind, width)), sql.SQL(", ").join(additions))


def step_names(kind: type[Reading]) -> sql.Composed:
    """The columns of `steps_query`, by name, since a model may change the order of its fields."""
    names = ["device_id", "subject", "channel", "binding", "bucket"]
    names += [f"{quantity.name}_{suffix}" for quantity in measured(kind) for suffix in step_suffixes(quantity)]
    return sql.SQL(", ").join(map(sql.Identifier, names))


def next_hours_query(kind: type[Reading], *, low: datetime, high: datetime, until: datetime) -> sql.Composed | None:
    """Hours before `until` whose steps begin at a reading in [low, high); None for a kind without counters."""
    counters = [quantity for quantity in measured(kind) if quantity.nature is Nature.COUNTER]
    if not counters:
        return None
    return sql.SQL(" UNION ").join(
        sql.SQL(_TEMPLATES["next_hours"]).format(
            table=relation(kind.kind),
            column=sql.Identifier(quantity.name),
            low=sql.Literal(low),
            high=sql.Literal(high),
            until=sql.Literal(until),
        )
        for quantity in counters
    )


def _long_form(quantities: Sequence[Measured], sql_type: sql.SQL) -> sql.Composed:
    """`('energy', r.energy::numeric), …`"""
    return sql.SQL(", ").join(
        sql.SQL("({}, r.{}::{})").format(sql.Literal(quantity.name), sql.Identifier(quantity.name), sql_type)
        for quantity in quantities
    )


def _steps(kind: type[Reading], amounts: sql.Composed) -> sql.Composed:
    columns = [column for quantity in measured(kind) for column in _columns(quantity)]
    return sql.SQL(_TEMPLATES["steps"]).format(amounts=amounts, columns=sql.SQL(", ").join(columns))


def _columns(quantity: Measured) -> list[sql.Composed]:
    mine = sql.SQL("FILTER (WHERE name = {})").format(sql.Literal(quantity.name))
    if quantity.nature is Nature.COUNTER:
        return [
            sql.SQL("(sum(amount) {})::double precision AS {}").format(mine, quantity.column("delta")),
            sql.SQL("(sum(resets) {})::integer AS {}").format(mine, quantity.column("resets")),
        ]
    if quantity.has_seconds:
        return [
            sql.SQL("jsonb_object_agg(state, trim_scale(amount)) {} AS {}").format(mine, quantity.column("seconds"))
        ]
    return []
