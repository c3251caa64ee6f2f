"""The vectors of the built-in decoders, `tests/vectors/<decoder>.json`, as the kit reads them."""

from collections.abc import Iterator
from dataclasses import replace

from decoders.registry import Registry
from decoders.uplink import Uplink
from stadtfunk.kit import vectors
from stadtfunk.kit.expectations import expected_reading
from stadtfunk.kit.vectors import AT, Case, vectors_of

__all__ = ["AT", "REGISTRY", "Case", "all_cases", "cases", "expected_reading", "uplink"]

REGISTRY = Registry.load()


def cases(decoder: str) -> list[Case]:
    """All vectors of a decoder."""
    return vectors_of(REGISTRY.entries[decoder]) if decoder in REGISTRY.entries else []


def all_cases() -> Iterator[Case]:
    """The vectors of every installed decoder."""
    for decoder in REGISTRY.decoders:
        yield from cases(decoder.name)


def uplink(payload: bytes, f_port: int, **fields: object) -> Uplink:
    """An uplink of one fixed device at one fixed time; `fields` replace what else is fixed."""
    return replace(vectors.uplink(payload, f_port), **fields)
