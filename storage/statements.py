"""Named SQL from `storage/queries/*.sql`: a statement begins with `-- name: <name>` and ends where the next begins."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

Queries = Mapping[str, LiteralString]

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def load(file: str) -> Queries:
    """The statements of `storage/queries/<file>.sql` by name.

    Raises:
        ValueError: two statements share a name.
    """
    text = files("storage").joinpath("queries", f"{file}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    names, bodies = parts[1::2], parts[2::2]
    if len(set(names)) != len(names):
        raise ValueError(f"queries/{file}.sql names a statement twice")
    return {name: cast(LiteralString, body.strip()) for name, body in zip(names, bodies, strict=True)}
