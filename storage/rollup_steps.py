"""What reaches across buckets: how far a counter went since the reading before, how long a state lasted.

No continuous aggregate can look at the reading before a bucket, so these columns are computed by one statement that
is the same on both databases: maintenance stores its rows for hours that are over, the views run it for the rest.

Rules. A counter's step belongs to the bucket of the later reading, so steps of hours add up to steps of days. A
counter that falls below half of its last value has begun again at zero; a smaller fall is a correction and counts
as such. A state lasts until the next reading of it, at most `HOLD`. Neither crosses a change of the asset that the
device is bound to. (`docs/decisions/0004-rollups.md`)
"""

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

_READINGS = sql.Identifier("r")

_TEMPLATES = load("rollups")


def has_steps(kind: type[Reading]) -> bool:
    """True when a quantity of the kind reaches across buckets."""
    return any(quantity.has_steps for quantity in measured(kind))


def has_spans(kind: type[Reading]) -> bool:
    """True when the kind has a state whose duration is kept: then buckets without a reading have rows, too."""
    return any(quantity.has_seconds for quantity in measured(kind))


def steps_query(kind: type[Reading], width: Width, *, low: sql.Composable, high: sql.Composable) -> sql.Composed:
    """The rows of all buckets in [low, high), both bounds of buckets: key, binding, bucket and the step columns."""
    bucket = sql.SQL("p.bucket")
    return sql.SQL(_TEMPLATES["steps"]).format(
        points=_points(kind, low, high),
        states=_states(kind, low, high),
        low=low,
        high=high,
        hold=sql.Literal(HOLD),
        zone=sql.Literal(width.zone),
        unit=sql.Literal(width.unit),
        step=sql.SQL("interval {}").format(sql.Literal(f"1 {width.unit}")),
        bucket_of_step=width.start(sql.SQL("observed_at")),
        bucket_end=width.end(bucket),
        columns=sql.SQL(", ").join(column for quantity in measured(kind) for column in _columns(quantity)),
    )


def steps_name(kind: type[Reading], width: Width) -> str:
    """The table of the kind's steps."""
    return f"{kind.kind}_{width}_steps"


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


def _points(kind: type[Reading], low: sql.Composable, high: sql.Composable) -> sql.Composable:
    """Counters in long form: the range's values and, for each device that has one there, the value before."""
    counters = [quantity for quantity in measured(kind) if quantity.nature is Nature.COUNTER]
    if not counters:
        return sql.SQL(_TEMPLATES["no_points"])
    return sql.SQL(" UNION ALL ").join(
        sql.SQL(_TEMPLATES["counter_points"]).format(
            table=relation(kind.kind),
            name=sql.Literal(quantity.name),
            column=sql.Identifier(quantity.name),
            bound=bound_at(_READINGS, sql.SQL("r.observed_at")),
            low=low,
            high=high,
        )
        for quantity in counters
    )


def _states(kind: type[Reading], low: sql.Composable, high: sql.Composable) -> sql.Composable:
    """States in long form, from so long before the range that every state that lasts into it is seen."""
    lasting = [quantity for quantity in measured(kind) if quantity.has_seconds]
    if not lasting:
        return sql.SQL(_TEMPLATES["no_states"])
    values = [
        sql.SQL("({}, r.{}::text)").format(sql.Literal(quantity.name), sql.Identifier(quantity.name))
        for quantity in lasting
    ]
    return sql.SQL(_TEMPLATES["state_points"]).format(
        table=relation(kind.kind),
        bound=bound_at(_READINGS, sql.SQL("r.observed_at")),
        values=sql.SQL(", ").join(values),
        low=low,
        high=high,
        hold=sql.Literal(HOLD),
    )


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
