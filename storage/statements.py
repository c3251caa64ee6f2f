"""Named SQL from `storage/queries/*.sql`: a statement begins with `-- name: <name>` and ends where the next begins.

What several statements of a file share stands there once, after `-- part: <name>`, and is taken in by a line
`-- include: <name>`.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import LiteralString

Queries = Mapping[str, LiteralString]

_BEGINNING = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
_INCLUDE = re.compile(r"^ *-- include: (\w+)$", re.MULTILINE)


@cache
def load(file: str) -> Queries:
    """The statements of `storage/queries/<file>.sql` by name.

    Raises:
        ValueError: two statements share a name.
        KeyError: an included part is missing.
    """
    text = files("storage").joinpath("queries", f"{file}.sql").read_text(encoding="utf-8")
    found = _BEGINNING.split(text)
    sorts, names, bodies = found[1::3], found[2::3], [body.strip() for body in found[3::3]]
    if len(set(names)) != len(names):
        raise ValueError(f"queries/{file}.sql names a statement twice")
    parts = {name: body for sort, name, body in zip(sorts, names, bodies, strict=True) if sort == "part"}
    return {
        name: _INCLUDE.sub(lambda line: parts[line[1]], body)
        for sort, name, body in zip(sorts, names, bodies, strict=True)
        if sort == "name"
    }
