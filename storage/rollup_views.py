"""The views that people and programs read: `<kind>_hourly`, `<kind>_daily`, and `v_…` with names and assets.

They have the same columns and rows on both databases. A rollup is a union of parts (`rollup_parts.py`) and steps
(`rollup_steps.py`), each with NULL for the columns of the others, folded into one row for each bucket.
"""

from collections.abc import Sequence

from psycopg import sql

from decoders.quantities import Nature
from decoders.readings import Reading
from storage.bindings import bound_at, same_source
from storage.buckets import Width
from storage.rollup_columns import (
    Measured,
    column_type,
    measured,
    merged_columns,
    part_columns,
    part_suffixes,
    step_suffixes,
)
from storage.rollup_parts import Parts, relation, stored_before
from storage.rollup_steps import has_steps, steps_name, steps_query
from storage.statements import load

_TEMPLATES = load("rollups")
_R = sql.Identifier("r")
_OBSERVED_AT = sql.SQL("r.observed_at")


def rollup_view(kind: type[Reading], width: Width, parts: Sequence[Parts]) -> sql.Composed:
    """`<kind>_<width>`: one row for each device, subject, channel and bucket."""
    key = ("device_id", "subject", "channel", "bucket")
    arms = [_arm(kind, key, p, sql.SQL("SELECT * FROM {}").format(relation(p.name))) for p in parts]
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"{kind.kind}_{width}"),
        sql.SQL(_TEMPLATES["rollup"]).format(
            columns=_merged(kind), union=sql.SQL(" UNION ALL ").join([*arms, *_steps_arms(kind, width, key)])
        ),
    )


def bound_rollup_view(kind: type[Reading], width: Width, parts: Sequence[Parts]) -> sql.Composed:
    """`v_<kind>_<width>`: the same for people, by asset; a bucket never mixes two assets."""
    key = ("device_id", "subject", "channel", "binding", "bucket")
    arms = [_arm(kind, key, p, query) for p in parts for query in (_bound_parts(p), _cut_parts(p))]
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"v_{kind.kind}_{width}"),
        sql.SQL(_TEMPLATES["bound_rollup"]).format(
            names=_names(kind),
            columns=_merged(kind),
            union=sql.SQL(" UNION ALL ").join([*arms, *_steps_arms(kind, width, key)]),
        ),
    )


def readings_view(kind: type[Reading]) -> sql.Composed:
    """`v_<kind>`: the readings for people."""
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"v_{kind.kind}"),
        sql.SQL(_TEMPLATES["readings"]).format(
            names=sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(q.name)) for q in measured(kind)),
            table=relation(kind.kind),
            bound=bound_at(_R, _OBSERVED_AT),
        ),
    )


def district_view(kind: type[Reading]) -> sql.Composed:
    """`v_<kind>_district_daily`: a household kind without single customers."""
    columns = []
    for quantity in measured(kind):
        if quantity.nature is Nature.GAUGE:
            columns.append(sql.SQL("avg({0}) AS {0}").format(quantity.column("avg")))
        elif quantity.nature is Nature.COUNTER:
            columns.append(sql.SQL("sum({0}) AS {0}").format(quantity.column("delta")))
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"v_{kind.kind}_district_daily"),
        sql.SQL(_TEMPLATES["district"]).format(
            columns=sql.SQL(", ").join(columns), daily=relation(f"v_{kind.kind}_{Width.DAILY}")
        ),
    )


def public_view(name: str, households: Sequence[type[Reading]]) -> sql.Composed:
    """`public_…`: the view `name` without devices that ever sent a household reading."""
    sent = [
        sql.SQL("EXISTS (SELECT FROM {} AS h WHERE h.device_id = d.id)").format(relation(kind.kind))
        for kind in households
    ]
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(name.replace("v_", "public_", 1)),
        sql.SQL(_TEMPLATES["public"]).format(
            view=relation(name), household=sql.SQL(" OR ").join(sent) if sent else sql.SQL("false")
        ),
    )


def _bound_parts(parts: Parts) -> sql.Composed:
    return sql.SQL(_TEMPLATES["bound_parts"]).format(
        columns=sql.SQL(", ").join(_part_names(parts)),
        parts=relation(parts.name),
        same_source=same_source(_R),
        bucket_end=parts.width.end(sql.SQL("r.bucket")),
    )


def _cut_parts(parts: Parts) -> sql.Composed:
    columns = [column for quantity in parts.quantities for column in part_columns(quantity)]
    return sql.SQL(_TEMPLATES["cut_parts"]).format(
        columns=sql.SQL(", ").join([sql.SQL("count(*) AS readings"), *columns]),
        table=relation(parts.kind.kind),
        bound=bound_at(_R, _OBSERVED_AT),
        same_source=same_source(_R),
        bucket_of_change=parts.width.start(sql.SQL("t.changed_at")),
        bucket_end=parts.width.end(sql.SQL("c.bucket")),
    )


def _steps_arms(kind: type[Reading], width: Width, key: Sequence[str]) -> list[sql.Composed]:
    """The stored steps and those of the buckets that are not stored yet."""
    if not has_steps(kind):
        return []
    since = width.start(stored_before(kind))
    live = steps_query(kind, width, low=since, high=sql.SQL("'infinity'::timestamptz"))
    stored = sql.SQL("SELECT * FROM {}").format(relation(steps_name(kind, width)))
    return [_arm(kind, key, None, query) for query in (stored, live)]


def _arm(kind: type[Reading], key: Sequence[str], parts: Parts | None, query: sql.Composed) -> sql.Composed:
    """`query` with the columns of the whole union: its own, and NULL for those of the others."""
    quantities, suffixes = (parts.quantities, part_suffixes) if parts else (measured(kind), step_suffixes)
    own = {(quantity.name, suffix) for quantity in quantities for suffix in suffixes(quantity)}
    columns: list[sql.Composable] = [sql.Identifier(name) for name in key]
    columns.append(sql.SQL("readings" if parts and parts.version == 1 else "NULL::bigint AS readings"))
    for quantity in measured(kind):
        for suffix in _suffixes(quantity):
            name = quantity.column(suffix)
            empty = sql.SQL("NULL::{} AS {}").format(sql.SQL(column_type(quantity, suffix)), name)
            columns.append(name if (quantity.name, suffix) in own else empty)
    return sql.SQL("SELECT {} FROM ({}) AS a").format(sql.SQL(", ").join(columns), query)


def _suffixes(quantity: Measured) -> tuple[str, ...]:
    return (*part_suffixes(quantity), *step_suffixes(quantity))


def _merged(kind: type[Reading]) -> sql.Composed:
    return sql.SQL(", ").join(column for quantity in measured(kind) for column in merged_columns(quantity))


def _names(kind: type[Reading]) -> sql.Composed:
    """All rollup columns of the union `u`."""
    return sql.SQL(", ").join(
        sql.SQL("u.{}").format(quantity.column(suffix)) for quantity in measured(kind) for suffix in _suffixes(quantity)
    )


def _part_names(parts: Parts) -> list[sql.Composable]:
    names: list[sql.Composable] = [sql.SQL("r.readings")] if parts.version == 1 else []
    return names + [
        sql.SQL("r.{}").format(quantity.column(suffix))
        for quantity in parts.quantities
        for suffix in part_suffixes(quantity)
    ]
