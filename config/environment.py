"""Overrides from environment variables: `STADTFUNK_<SECTION>__<FIELD>`, entries of lists by number or name.

`STADTFUNK_HTTP__PORT=9090`, `STADTFUNK_SOURCES__0__HOST=broker`, `STADTFUNK_SOURCES__CITY__PASSWORD=…`. An empty
variable counts as not set, because container tools pass unset ones that way.
"""

from collections.abc import Iterator, Mapping

import yaml

from config.document import Document, Key, Location, dotted
from config.problems import Origin, Problem, nearest_name, unknown_key
from config.schema import Place

PREFIX = "STADTFUNK_"
NOT_SETTINGS = frozenset({"STADTFUNK_CONFIG", "STADTFUNK_FAULT", "STADTFUNK_LANG", "STADTFUNK_ONLY"})
"""Variables of the program itself."""


def apply_environment(document: Document, place: Place, environment: Mapping[str, str]) -> None:
    """Write the overrides of `environment` into `document`; what is wrong joins its problems."""
    for name, value in sorted(environment.items()):
        if not value or not name.startswith(PREFIX) or name in NOT_SETTINGS:
            continue
        words = name[len(PREFIX) :].lower().split("__")
        if len(words) == 1 and words[0] not in place.known_keys:
            _report_if_near(document, name, words[0], place)
            continue
        try:
            location, below = _locate(document.values, place, words, Origin(name))
        except _Unknown as unknown:
            document.problems.append(unknown.problem)
            continue
        _put(document.values, location, _parsed(value, below))
        document.origins[location] = Origin(name)


class _Unknown(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _report_if_near(document: Document, name: str, word: str, place: Place) -> None:
    """A variable without `__` may be somebody else's; one letter beside a section of ours is a mistake."""
    nearest = nearest_name(word, place.known_keys)
    if nearest is not None:
        suggestion = PREFIX + nearest.upper()
        document.problems.append(Problem(Origin(name), "", "unknown_variable", {"suggestion": suggestion}))


def _locate(values: object, place: Place, words: list[str], origin: Origin) -> tuple[Location, Place]:
    """The location that `words` name, with the place there."""
    location: Location = ()
    for word in words:
        key = _key(values, place, word, location, origin)
        below = place.child(key)
        if below is None:
            raise _Unknown(unknown_key(origin, dotted((*location, word)), place.known_keys))
        location, place = (*location, key), below
        values = _value_at(values, key)
    return location, place


def _key(values: object, place: Place, word: str, location: Location, origin: Origin) -> Key:
    if place.is_list:
        return _list_index(values, word, location, origin)
    if place.is_mapping and isinstance(values, Mapping):
        return next((str(key) for key in values if _normal(str(key)) == word), word)
    return word


def _list_index(values: object, word: str, location: Location, origin: Origin) -> int:
    """An existing entry by number or name, or the number of the next one."""
    entries = values if isinstance(values, list) else []
    names = [str(entry.get("name", "")) if isinstance(entry, Mapping) else "" for entry in entries]
    if word.isdecimal() and int(word) <= len(entries):
        return int(word)
    normal = [_normal(name) for name in names]
    if word in normal:
        return normal.index(word)
    known = ", ".join(filter(None, names)) or "-"
    raise _Unknown(Problem(origin, dotted((*location, word)), "unknown_entry", {"known": known}))


def _normal(name: str) -> str:
    return name.lower().replace("-", "_")


def _value_at(values: object, key: Key) -> object:
    if isinstance(values, list) and isinstance(key, int):
        return values[key] if key < len(values) else None
    return values.get(key) if isinstance(values, Mapping) else None


def _put(values: dict[str, object], location: Location, value: object) -> None:
    """Set `value` at `location`, making the sections and entries on the way."""
    current: object = values
    for key, following in _with_next(location):
        empty: object = value if following is None else [] if isinstance(following, int) else {}
        below = _value_at(current, key)
        keep = following is not None and isinstance(below, (dict, list))
        if not keep:
            below = empty
        if isinstance(current, list) and isinstance(key, int):
            current[key : key + 1] = [below]
        elif isinstance(current, dict):
            current[key] = below
        current = below


def _with_next(location: Location) -> Iterator[tuple[Key, Key | None]]:
    for index, key in enumerate(location):
        yield key, location[index + 1] if index + 1 < len(location) else None


def _parsed(value: str, place: Place) -> object:
    """Closed choices as they are meant, lists and sections in YAML's short form; every other value stays a text, which
    the models convert.
    """
    for option in place.options:
        if str(option) == value:
            return option
    if (place.is_list or place.is_mapping or place.model is not None) and value.lstrip()[:1] in ("[", "{"):
        try:
            parsed: object = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        return parsed
    return value
