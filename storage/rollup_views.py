"""The views that people and programs read: `<kind>_hourly`, `<kind>_daily`, and `v_…` with names and assets.

They have the same columns and rows on both databases. A rollup is a union of parts (`rollup_parts.py`) and steps
(`rollup_steps.py`), each with NULL for the columns of the others, folded into one row for each bucket.
"""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from decoders.quantities import Nature
from decoders.readings import Reading
from storage.bindings import bound_at, same_source
from storage.buckets import Width
from storage.rollup_columns import (
    column_type,
    measured,
    merged_columns,
    part_columns,
    part_suffixes,
    step_suffixes,
)
from storage.rollup_parts import Parts, first_open, relation, stored_before
from storage.rollup_steps import daily_steps, has_steps, hourly_steps, stored_steps
from storage.statements import load

HOUSEHOLD_DEVICES = "household_device"
_TEMPLATES = load("rollups")
_NAMES = sql.SQL(_TEMPLATES["names"])
_NAMED = sql.SQL(_TEMPLATES["named"]).format()
_OF_DISTRICT = sql.SQL(_TEMPLATES["bound_to_district"]).format()
_DISTRICT_NAMES = sql.SQL(_TEMPLATES["district_names"])
_BOUND_BY_ID = sql.SQL(_TEMPLATES["bound_by_id"])
_R = sql.Identifier("r")
_BOUND = bound_at(_R, sql.SQL("r.observed_at"))
_INFINITY = sql.SQL("'infinity'::timestamptz")


def rollup_view(kind: type[Reading], width: Width, parts: Sequence[Parts]) -> sql.Composed:
    """`<kind>_<width>`: one row for each device, subject, channel and bucket."""
    sources: list[tuple[Parts | None, sql.Composable]] = [(part, relation(part.name)) for part in parts]
    sources += [(None, sql.SQL("({})").format(steps)) for steps in _steps(kind, width)]
    arms = [
        sql.SQL("SELECT r.device_id, r.subject, r.channel, r.bucket, {} FROM {} AS r").format(_own(kind, part), source)
        for part, source in sources
    ]
    return _view(f"{kind.kind}_{width}", "rollup", kind, arms)


def bound_rollup_view(kind: type[Reading], width: Width, parts: Sequence[Parts]) -> sql.Composed:
    """`v_<kind>_<width>`: the same for people, by asset; a bucket never mixes two assets."""
    return _view(f"v_{kind.kind}_{width}", "bound_rollup", kind, _bound_arms(kind, width, parts, _NAMES, _NAMED))


def public_rollup_view(
    kind: type[Reading], width: Width, parts: Sequence[Parts], households: Sequence[type[Reading]]
) -> sql.Composed:
    """`public_<kind>_<width>`: the same without devices that ever sent a household reading."""
    public = sql.SQL(_TEMPLATES["public_devices"]).format()
    named = sql.SQL(_TEMPLATES["named_public"]).format(public_devices=public)
    rollup = _rollup("bound_rollup", kind, _bound_arms(kind, width, parts, _NAMES, named, among=public))
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"public_{kind.kind}_{width}"),
        sql.SQL(_TEMPLATES["public_rollup"]).format(rollup=rollup, household=_ever_sent(households)),
    )


def _bound_arms(
    kind: type[Reading],
    width: Width,
    parts: Sequence[Parts],
    names: sql.SQL,
    named: sql.Composed,
    *,
    among: sql.Composed | None = None,
) -> list[sql.Composed]:
    arms = [arm for part in parts for arm in (_bound_parts(part, names, named), _cut_parts(part, names, named))]
    return arms + [_bound_steps(kind, steps, names, named) for steps in _steps(kind, width, among=among)]


def _view(name: str, template: str, kind: type[Reading], arms: Sequence[sql.Composed]) -> sql.Composed:
    return sql.SQL("CREATE VIEW {} AS {}").format(relation(name), _rollup(template, kind, arms))


def _rollup(template: str, kind: type[Reading], arms: Sequence[sql.Composed]) -> sql.Composed:
    merged = [column for quantity in measured(kind) for column in merged_columns(quantity)]
    return sql.SQL(_TEMPLATES[template]).format(
        columns=sql.SQL(", ").join(merged), union=sql.SQL(" UNION ALL ").join(arms)
    )


def readings_view(kind: type[Reading]) -> sql.Composed:
    """`v_<kind>`: the readings for people."""
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"v_{kind.kind}"),
        sql.SQL(_TEMPLATES["readings"]).format(
            names=_NAMES,
            columns=sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(q.name)) for q in measured(kind)),
            table=relation(kind.kind),
            bound=_BOUND,
            named=_NAMED,
        ),
    )


def district_view(kind: type[Reading], parts: Sequence[Parts]) -> sql.Composed:
    """`v_<kind>_district_daily`: a household kind without single customers; `parts` are the daily ones."""
    gauges = [q.column("avg") for q in measured(kind) if q.nature is Nature.GAUGE]
    counters = _counters(kind)
    arms = [arm for part in parts for arm in (_district_arm(part), _cut_parts(part, _DISTRICT_NAMES, _OF_DISTRICT))]
    of_parts = sql.SQL(_TEMPLATES["district_parts"]).format(
        columns=_of_five("avg", gauges), of_meter=_each("avg", gauges), union=sql.SQL(" UNION ALL ").join(arms)
    )
    joined = sql.SQL("LEFT JOIN {} AS c ON c.bucket = g.bucket AND c.district = g.district")
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(f"v_{kind.kind}_district_daily"),
        sql.SQL(_TEMPLATES["district"]).format(
            gauges=_listed("g", gauges),
            counters=_listed("c", counters),
            parts=of_parts,
            growth=joined.format(relation(district_growth_name(kind))) if counters else sql.SQL(""),
        ),
    )


def district_growth_name(kind: type[Reading]) -> str:
    """The view that `district_growth_view` makes."""
    return f"v_{kind.kind}_district_growth_daily"


def district_growth_view(kind: type[Reading]) -> sql.Composed:
    """What counters of a household kind went in districts, for who asks for nothing else."""
    counters = _counters(kind)
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(district_growth_name(kind)),
        sql.SQL(_TEMPLATES["district_growth"]).format(
            columns=_of_five("sum", counters),
            of_meter=_each("sum", counters),
            deltas=_listed("h", counters),
            daily=stored_steps(kind, Width.DAILY),
            live=hourly_steps(kind, low=stored_before(kind), high=_INFINITY, states=False),
            day=Width.DAILY.start_from(sql.SQL("h.bucket"), first_open(kind, Width.DAILY)),
        ),
    )


def _counters(kind: type[Reading]) -> list[sql.Identifier]:
    return [q.column("delta") for q in measured(kind) if q.nature is Nature.COUNTER]


def _listed(alias: str, columns: Sequence[sql.Identifier]) -> sql.Composed:
    return sql.SQL("").join(sql.SQL(", {}.{}").format(sql.Identifier(alias), column) for column in columns)


def _each(aggregate: LiteralString, columns: Sequence[sql.Identifier]) -> sql.Composed:
    """What one meter has of each column."""
    template = sql.SQL(", {aggregate}(u.{column}) AS {column}")
    return sql.SQL("").join(template.format(aggregate=sql.SQL(aggregate), column=column) for column in columns)


def _of_five(aggregate: LiteralString, columns: Sequence[sql.Identifier]) -> sql.Composed:
    """What a district has of each column, where enough meters gave it."""
    template = sql.SQL(", CASE WHEN count(m.{column}) >= 5 THEN {aggregate}(m.{column}) END AS {column}")
    return sql.SQL("").join(template.format(aggregate=sql.SQL(aggregate), column=column) for column in columns)


def household_devices_view(households: Sequence[type[Reading]]) -> sql.Composed:
    """`household_device`: devices that were ever bound to a meter or ever sent a household reading."""
    conditions = [sql.SQL(_TEMPLATES["bound_to_meter"]), _ever_sent(households)]
    return sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(
        relation(HOUSEHOLD_DEVICES),
        sql.SQL(_TEMPLATES["household_devices"]).format(condition=sql.SQL(" OR ").join(conditions)),
    )


def public_view(name: str, households: Sequence[type[Reading]]) -> sql.Composed:
    """`public_…`: the view `name` without devices that ever sent a household reading."""
    return sql.SQL("CREATE VIEW {} AS {}").format(
        relation(name.replace("v_", "public_", 1)),
        sql.SQL(_TEMPLATES["public"]).format(view=relation(name), household=_ever_sent(households)),
    )


def _ever_sent(households: Sequence[type[Reading]]) -> sql.Composed:
    """The condition that the device `d` ever sent a reading of one of these kinds."""
    sent = [
        sql.SQL("EXISTS (SELECT FROM {} AS h WHERE h.device_id = d.id)").format(relation(kind.kind))
        for kind in households
    ]
    return sql.SQL(" OR ").join(sent) if sent else sql.SQL("false").format()


def _bound_parts(parts: Parts, names: sql.SQL, named: sql.Composed) -> sql.Composed:
    return sql.SQL(_TEMPLATES["bound_parts"]).format(
        names=names,
        columns=_own(parts.kind, parts),
        parts=relation(parts.name),
        same_source=same_source(_R),
        bucket_end=parts.width.end(sql.SQL("r.bucket")),
        named=named,
    )


def _district_arm(parts: Parts) -> sql.Composed:
    return sql.SQL(_TEMPLATES["district_arm"]).format(
        columns=_own(parts.kind, parts),
        parts=relation(parts.name),
        same_source=same_source(_R),
        bucket_end=parts.width.end(sql.SQL("r.bucket")),
    )


def _cut_parts(parts: Parts, names: sql.SQL, named: sql.Composed) -> sql.Composed:
    aggregates = [column for quantity in parts.quantities for column in part_columns(quantity)]
    return sql.SQL(_TEMPLATES["cut_parts"]).format(
        names=names,
        columns=_own(parts.kind, parts),
        aggregates=sql.SQL(", ").join([sql.SQL("count(*) AS readings"), *aggregates]),
        table=relation(parts.kind.kind),
        bound=_BOUND,
        same_source=same_source(_R),
        bucket_of_change=parts.width.start(sql.SQL("t.changed_at")),
        bucket_end_of_change=parts.width.end(sql.SQL("c.bucket")),
        bound_by_id=_BOUND_BY_ID,
        named=named,
    )


def _bound_steps(kind: type[Reading], steps: sql.Composed, names: sql.SQL, named: sql.Composed) -> sql.Composed:
    return sql.SQL(_TEMPLATES["bound_steps"]).format(
        names=names, columns=_own(kind, None), steps=steps, bound_by_id=_BOUND_BY_ID, named=named
    )


def _steps(kind: type[Reading], width: Width, *, among: sql.Composed | None = None) -> list[sql.Composed]:
    """Queries of the stored steps and of those of hours that are not stored yet; a day may have rows of both.

    Args:
        among: an array of devices; days are made from the hours of these alone. The stored steps are all there.
    """
    if not has_steps(kind):
        return []
    since = stored_before(kind)
    live = hourly_steps(kind, low=since, high=_INFINITY)
    if width is Width.DAILY:
        if among is not None:
            live = sql.SQL("SELECT s.* FROM ({}) AS s WHERE s.device_id = ANY ({})").format(live, among)
        live = daily_steps(kind, live, low=first_open(kind, width), high=_INFINITY)
    return [stored_steps(kind, width), live]


def _own(kind: type[Reading], parts: Parts | None) -> sql.Composed:
    """All columns of a rollup from the alias `r`: those of `parts`, or of steps, and NULL for the others."""
    quantities, suffixes = (parts.quantities, part_suffixes) if parts else (measured(kind), step_suffixes)
    own = {(quantity.name, suffix) for quantity in quantities for suffix in suffixes(quantity)}
    columns = [sql.SQL("r.readings" if parts and parts.version == 1 else "NULL::bigint AS readings").format()]
    for quantity in measured(kind):
        for suffix in (*part_suffixes(quantity), *step_suffixes(quantity)):
            template = "r.{name}" if (quantity.name, suffix) in own else "NULL::{type} AS {name}"
            kind_of_column = sql.SQL(column_type(quantity, suffix))
            columns.append(sql.SQL(template).format(name=quantity.column(suffix), type=kind_of_column))
    return sql.SQL(", ").join(columns)
