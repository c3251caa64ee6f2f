"""Load the configuration: one YAML file, environment overrides, secret files; every problem at once, before any socket.

Relative paths in the file are relative to the file, so that it means the same from wherever it is read.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.document import Document, Location, dotted, read_document
from config.environment import apply_environment
from config.problems import MESSAGES, ConfigurationError, Problem, unknown_key
from config.redact import redact
from config.schema import Place, looks_secret
from config.secrets import secret_problems
from config.settings import Settings

ModelT = TypeVar("ModelT", bound=BaseModel)

_LONGEST_FOUND = 60
_CONSEQUENCES = ("default_factory_not_called",)
_FILES_OF_LIBPQ = ("sslrootcert", "sslcert", "sslkey")


def load_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings from `path` (defaults without one) and `environment` (the process's own by default).

    Raises:
        ConfigurationError: with every problem found.
    """
    document = _document(path)
    settings = _validated(Settings, document, path, os.environ if environment is None else environment)
    problems = [
        Problem(document.origin(location), dotted(location), "other", {"error": error})
        for location, error in secret_problems(settings)
    ]
    if problems:
        raise ConfigurationError(problems)
    return settings if path is None else settings.read_from(path.absolute())


def load_model(model: type[ModelT], path: Path | None, environment: Mapping[str, str]) -> ModelT:
    """Any settings model from a file and the environment, by the same rules.

    Raises:
        ConfigurationError: with every problem found.
    """
    return _validated(model, _document(path), path, environment)


def _document(path: Path | None) -> Document:
    return Document() if path is None else read_document(path)


def _validated(model: type[ModelT], document: Document, path: Path | None, environment: Mapping[str, str]) -> ModelT:
    place = Place.root(model)
    apply_environment(document, place, environment)
    base = Path() if path is None else path.absolute().parent
    values = _Paths(document, base).resolved(document.values, place, ())
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if detail["type"] not in _CONSEQUENCES]
        told = {problem.key for problem in document.problems}
        found = [_problem(detail, document, place) for detail in details]
        document.problems.extend(problem for problem in found if problem.key not in told)
        raise ConfigurationError(document.problems) from None
    if document.problems:
        raise ConfigurationError(document.problems)
    return settings


class _Paths:
    """Makes relative paths of the file absolute and reports files that are named but cannot be read; empty sections
    become sections.
    """

    def __init__(self, document: Document, base: Path) -> None:
        self._document = document
        self._base = base

    def resolved(self, value: object, place: Place | None, location: Location) -> object:
        """`value` with its paths resolved."""
        if place is None:
            return value
        if value is None and place.model is not None and not place.optional:
            return {}  # a section of which every line is commented out
        if isinstance(value, dict):
            return {key: self.resolved(item, place.child(key), (*location, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item, place.child(index), (*location, index)) for index, item in enumerate(value)]
        return self._path(value, location) if place.is_path and isinstance(value, str) and value else value

    def _path(self, value: str, location: Location) -> str:
        from_file = self._document.origin(location).line > 0
        path = (self._base / value) if from_file else Path(value)
        if str(location[-1]).endswith("_file") or location[-1] in _FILES_OF_LIBPQ:
            self._check_readable(path, location)
        return str(path)

    def _check_readable(self, path: Path, location: Location) -> None:
        if not os.access(path, os.R_OK) or not path.is_file():
            reason = "there is none" if not path.exists() else "no permission, or not a file"
            details, origin = {"error": reason}, self._document.origin(location)
            self._document.problems.append(Problem(origin, dotted(location), "unreadable", details, str(path)))


def _problem(detail: ErrorDetails, document: Document, place: Place) -> Problem:
    """One error of pydantic in our words, at the line that caused it."""
    location = _known_part(detail["loc"], document, place)
    origin = document.origin(location)
    if detail["type"] == "extra_forbidden":
        section = place.descend(location[:-1])
        return unknown_key(origin, dotted(location), () if section is None else section.known_keys)
    kind = _kind(detail["type"], place.descend(location))
    context = {key: str(value) for key, value in detail.get("ctx", {}).items()}
    details = {"error": detail["msg"], "description": _description(place, location)} | context
    return Problem(origin, dotted(location), kind, details, _found(detail, location, place))


def _kind(kind: str, place: Place | None) -> str:
    """The key of our message; pydantic calls the characters of a secret entries."""
    if kind in ("too_short", "too_long") and place is not None and place.is_secret:
        kind = f"string_{kind}"
    return kind if kind in MESSAGES else "other"


def _description(place: Place, location: Location) -> str:
    section = place.descend(location[:-1])
    known = {} if section is None or section.model is None else section.model.model_fields
    field = known.get(str(location[-1])) if location else None
    return "" if field is None else field.description or ""


def _known_part(parts: tuple[int | str, ...], document: Document, place: Place) -> Location:
    """The location without the marks that pydantic adds for unions, keys and validators."""
    location: list[int | str] = []
    values: object = document.values
    for index, part in enumerate(parts):
        if isinstance(values, Mapping) and part in values:
            values = values[str(part)]
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            values = values[part]
        elif index + 1 < len(parts) or part == "[key]" or place.descend((*location, part)) is None:
            continue
        location.append(part)
    return tuple(location)


def _found(detail: ErrorDetails, location: Location, place: Place) -> str:
    """The value as written, unless it is missing, a section, too long, or might be a secret."""
    value = detail["input"]
    here = place.descend(location)
    secret = any(looks_secret(part) for part in location) or (here is not None and here.is_secret)
    if secret or detail["type"] in ("missing", "value_error"):
        return ""
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, (list, tuple)):
        return "a list"
    text = redact(_as_yaml(value))
    return text if len(text) <= _LONGEST_FOUND else f"{text[: _LONGEST_FOUND - 1]}…"


def _as_yaml(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else str(value)
