"""Questions about the settings models: which keys a place knows, whether it is a path, whether it is secret."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config.document import Key, Location

_SECRET_WORDS = ("password", "token", "secret", "passphrase", "credential", "dsn", "url")


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the tree of settings, described by the types that may stand there; `optional`: null as well."""

    types: tuple[object, ...]
    optional: bool = False

    @classmethod
    def root(cls, model: type[BaseModel]) -> "Place":
        """The top of the tree."""
        return cls((model,))

    def child(self, key: Key) -> "Place | None":
        """The place under `key`; None when nothing can stand there."""
        for candidate in self.types:
            found = _child(candidate, key)
            if found is not None:
                return Place(_alternatives(found), optional=NoneType in get_args(found))
        return None

    def descend(self, location: Location) -> "Place | None":
        """The place at `location` below this one."""
        place: Place | None = self
        for key in location:
            place = None if place is None else place.child(key)
        return place

    @property
    def model(self) -> type[BaseModel] | None:
        """The settings model that may stand here."""
        return next(iter(self.models), None)

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """All of them, where a key such as `kind` tells which."""
        return tuple(kind for kind in self.types if isinstance(kind, type) and issubclass(kind, BaseModel))

    @property
    def known_keys(self) -> tuple[str, ...]:
        """The keys of the models here; empty where any key or none is allowed."""
        return tuple(dict.fromkeys(name for model in self.models for name in _written(model)))

    @property
    def options(self) -> tuple[object, ...]:
        """The values of a closed choice."""
        return tuple(value for kind in self.types if get_origin(kind) is Literal for value in get_args(kind))

    @property
    def is_list(self) -> bool:
        """True when a list may stand here."""
        return any(get_origin(kind) in (list, tuple) for kind in self.types)

    @property
    def is_mapping(self) -> bool:
        """True when keys of free choice may stand here."""
        return any(get_origin(kind) is dict for kind in self.types)

    @property
    def is_path(self) -> bool:
        """True when a path may stand here."""
        return Path in self.types

    @property
    def is_secret(self) -> bool:
        """True when what stands here must not be shown."""
        return SecretStr in self.types


def looks_secret(key: Key) -> bool:
    """True for names under which people write secrets, known to the models or not."""
    name = str(key).lower()
    return not name.endswith("_file") and any(word in name for word in _SECRET_WORDS)


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting for the documentation."""

    key: str
    field: FieldInfo
    types: tuple[object, ...]


def settings_rows(model: type[BaseModel], prefix: str = "") -> Iterator[SettingRow]:
    """Every setting below `model`, sections before their keys."""
    for name, field in _written(model).items():
        key = f"{prefix}{name}"
        place = Place(_alternatives(field.annotation))
        yield SettingRow(key, field, place.types)
        yield from _rows_below(place, key)


def _rows_below(place: Place, key: str) -> Iterator[SettingRow]:
    if place.model is not None:
        yield from _rows_of_all(place.models, key)
        return
    for container, entry in (("list", 0), ("dict", "*")):
        below = place.child(entry) if (place.is_list if container == "list" else place.is_mapping) else None
        if below is not None:
            yield from _rows_of_all(below.models, f"{key}[]" if container == "list" else f"{key}.<name>")


def _rows_of_all(models: Sequence[type[BaseModel]], key: str) -> Iterator[SettingRow]:
    """The rows of several models, those that they share once."""
    seen = set()
    for model in models:
        for row in settings_rows(model, f"{key}."):
            told = (row.key, row.field.description, repr(row.field.default))
            if told not in seen:
                seen.add(told)
                yield row


def _alternatives(annotation: object) -> tuple[object, ...]:
    """The types that `annotation` allows, without None and metadata."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        parts: Sequence[object] = [part for part in get_args(annotation) if part is not NoneType]
        return tuple(kind for part in parts for kind in _alternatives(part))
    return (annotation,)


def _written(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the names under which they stand in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _annotation(field: FieldInfo) -> object:
    return field.annotation


def _child(kind: object, key: Key) -> object | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = _written(kind).get(str(key))
        return None if field is None else _annotation(field)
    arguments: tuple[object, ...] = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    if get_origin(kind) in (list, tuple) and isinstance(key, int):
        return arguments[0]
    return None
