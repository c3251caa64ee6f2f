"""Two decoders' readings of one uplink, field by field. Pure."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from decoders.readings import Reading, quantities

RELATIVE, ABSOLUTE = 1e-6, 1e-9
"""How far two numbers may be apart: roundings of the same fraction are equal, another digit is not."""

FLAGS = "flags"
"""Stands for the quality flags of a reading among its fields."""


class Compared(NamedTuple):
    """One field of one reading; a value is None where a side has none, or not the reading."""

    kind: type[Reading]
    channel: int
    field: str
    live: object
    shadow: object
    agrees: bool


def compare(live: Sequence[Reading], shadow: Sequence[Reading]) -> Iterator[Compared]:
    """Every field of which at least one side says something.

    Readings are the same when kind, subject, channel and time are; one that only one side has differs in all of its
    fields.
    """
    lives, shadows = {_key(one): one for one in live}, {_key(one): one for one in shadow}
    for key in lives | shadows:
        yield from _fields(lives.get(key), shadows.get(key))


def _fields(live: Reading | None, shadow: Reading | None) -> Iterator[Compared]:
    one = live if live is not None else shadow
    assert one is not None
    kind, both = type(one), live is not None and shadow is not None
    for name in (*quantities(kind), FLAGS):
        ours, theirs = getattr(live, name, None), getattr(shadow, name, None)
        if ours is not None or theirs is not None:
            yield Compared(kind, one.channel, name, ours, theirs, both and _same(ours, theirs))


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return one == other


def _key(reading: Reading) -> tuple[str, str, int, datetime]:
    return reading.kind, reading.subject, reading.channel, reading.observed_at
