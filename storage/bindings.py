"""Which asset a reading belongs to: the condition that joins readings and bindings, in one place."""

from psycopg import sql

BINDING = sql.Identifier("b")
"""Alias of `asset_device` in every statement that uses these conditions."""


def same_source(readings: sql.Identifier, binding: sql.Identifier = BINDING) -> sql.Composed:
    """The binding is about this device, and about this meter and probe where it names one."""
    return sql.SQL(
        "{b}.device_id = {r}.device_id AND ({b}.subject IS NULL OR {b}.subject = {r}.subject)"
        " AND ({b}.channel IS NULL OR {b}.channel = {r}.channel)"
    ).format(b=binding, r=readings)


def bound_at(readings: sql.Identifier, time: sql.Composable) -> sql.Composed:
    """A LEFT JOIN that adds the binding valid at `time`, of which there is one or none."""
    return sql.SQL(
        "LEFT JOIN stadtfunk.asset_device AS {b} ON {same} AND {time} >= {b}.valid_from AND {time} < {b}.valid_to"
    ).format(b=BINDING, same=same_source(readings), time=time)
