"""Rows in PostgreSQL's text format of COPY, for servers that do not take COPY."""

import re
from collections.abc import Iterator, Sequence

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANING = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}

Row = list[str | None]


def parse(block: bytes) -> Iterator[Row]:
    """The rows of a block that ends with a row, each value as text and NULL as None."""
    for line in block.decode().removesuffix("\n").split("\n") if block else ():
        yield [_value(field) for field in line.split("\t")]


def columns_of(rows: Sequence[Row]) -> list[list[str | None]]:
    """The same values column by column."""
    return [list(column) for column in zip(*rows, strict=True)]


def _value(field: str) -> str | None:
    if field == r"\N":
        return None
    return _ESCAPED.sub(lambda found: _MEANING.get(found[1], found[1]), field) if "\\" in field else field
