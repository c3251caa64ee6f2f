"""Every file that settings name, by the key that names it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel


def named_files(settings: object, key: str = "") -> Iterator[tuple[str, Path]]:
    """Keys such as `sources.city.tls.cert_file` with their paths, in the order of the keys."""
    if isinstance(settings, Path):
        yield key, settings
        return
    for name, below in _children(settings):
        yield from named_files(below, f"{key}.{name}" if key else name)


def _children(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        yield from ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        yield from ((str(name), below) for name, below in value.items())
    elif isinstance(value, tuple):
        yield from ((str(getattr(below, "name", number)), below) for number, below in enumerate(value))
