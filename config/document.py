"""A YAML file as plain values, with the line of every key.

Read safely: no tags beyond YAML's own, bounded bytes, values and depth (an alias bomb is a few lines long), and a
key that stands twice is a problem instead of a silent winner.
"""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import yaml

from config.problems import Origin, Problem

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 20
_COMPLEXITY = {"limit": str(MAX_VALUES), "depth": str(MAX_DEPTH)}

_BRACKET = re.compile(r"[\[\]{}]")
_MAPPING_TAG = "tag:yaml.org,2002:map"
_SEQUENCE_TAG = "tag:yaml.org,2002:seq"

Key = str | int
Location = tuple[Key, ...]


@dataclass(slots=True)
class Document:
    """Values by key, where each was written, and what was wrong on the way.

    Attributes:
        values: the tree of plain values; empty when the file could not be read.
        origins: the line of every key and list entry.
        problems: problems of the file as such.
    """

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[Location, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, location: Location) -> Origin:
        """Where `location` was written, or the nearest section around it."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.origins:
                return self.origins[location[:end]]
        return Origin("")


def read_document(path: Path) -> Document:
    """Read `path`; what cannot be read is in `problems`."""
    file = Origin(str(path))
    document = Document(origins={(): file})
    try:
        text = _read_text(path)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            _Reader(document, str(path)).read_root(root)
    except _Refused as refused:
        document.problems.append(Problem(file, "", refused.kind, refused.details))
    except OSError as error:
        document.problems.append(Problem(file, "", "unreadable", {"error": error.strerror or type(error).__name__}))
    except UnicodeDecodeError:
        document.problems.append(Problem(file, "", "utf8"))
    except RecursionError:
        document.problems.append(Problem(file, "", "too_complex", _COMPLEXITY))
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(str(path), error))
    return document


class _Refused(Exception):
    """The file as a whole is not read."""

    def __init__(self, kind: str, details: Mapping[str, str]) -> None:
        super().__init__(kind)
        self.kind = kind
        self.details = details


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _Refused("too_large", {"limit": str(MAX_BYTES)})
    text = content.decode("utf-8")
    if _brackets(text) > MAX_DEPTH:
        raise _Refused("too_complex", _COMPLEXITY)
    return text


def _brackets(text: str) -> int:
    """How deep brackets nest: the parser's time grows with the square of it, so it is known beforehand.

    Brackets inside texts count, too; nobody leaves twenty of them open there.
    """
    return max(accumulate(1 if bracket[0] in "[{" else -1 for bracket in _BRACKET.finditer(text)), default=0)


def _syntax_problem(name: str, error: yaml.YAMLError) -> Problem:
    """The parser's own words without its snippet, which could show a secret."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = 0 if mark is None else mark.line + 1
        return Problem(
            Origin(name, line), "", "yaml", {"error": ", ".join(filter(None, (error.context, error.problem)))}
        )
    return Problem(Origin(name), "", "yaml", {"error": "a character that YAML does not allow"})


class _Reader:
    """Turns YAML nodes into plain values and notes their lines."""

    def __init__(self, document: Document, name: str) -> None:
        self._document = document
        self._name = name
        self._constructor = yaml.SafeLoader("")
        self._values = 0

    def read_root(self, root: yaml.Node) -> None:
        if not isinstance(root, yaml.MappingNode):
            self._report(root, (), "not_a_section")
            return
        self._document.values = self._mapping(root, ())

    def _value(self, node: yaml.Node, location: Location) -> object:
        self._values += 1
        if self._values > MAX_VALUES or len(location) > MAX_DEPTH:
            raise _Refused("too_complex", _COMPLEXITY)
        if isinstance(node, yaml.MappingNode) and node.tag == _MAPPING_TAG:
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE_TAG:
            return [self._entry(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, location)

    def _entry(self, node: yaml.Node, location: Location) -> object:
        self._document.origins.setdefault(location, self._origin(node))
        return self._value(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, object]:
        lines: dict[str, int] = {}
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, location)
            here = (*location, key)
            if key in lines:
                self._report(key_node, here, "duplicate_key", first=lines[key])
                continue
            lines[key] = key_node.start_mark.line + 1
            self._document.origins[here] = self._origin(key_node)
            result[key] = self._value(value_node, here)
        return result

    def _key(self, node: yaml.Node, location: Location) -> str:
        value = self._scalar(node, location) if isinstance(node, yaml.ScalarNode) else None
        return value if isinstance(value, str) else str(getattr(node, "value", ""))[:40]

    def _scalar(self, node: yaml.Node, location: Location) -> Hashable:
        if not isinstance(node, yaml.ScalarNode):
            self._report(node, location, "yaml", error=f"the tag {node.tag} is not allowed")
            return None
        try:
            value = self._constructor.construct_object(node)
        except yaml.MarkedYAMLError as error:
            self._report(node, location, "yaml", error=error.problem or "unknown tag")
            return None
        except ValueError as error:
            self._report(node, location, "yaml", error=str(error))
            return None
        assert isinstance(value, Hashable)
        return value

    def _origin(self, node: yaml.Node) -> Origin:
        return Origin(self._name, node.start_mark.line + 1)

    def _report(self, node: yaml.Node, location: Location, kind: str, **details: object) -> None:
        texts = {name: str(value) for name, value in details.items()}
        self._document.problems.append(Problem(self._origin(node), dotted(location), kind, texts))


def dotted(location: Location) -> str:
    """`("sources", 0, "host")` as `sources[0].host`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
