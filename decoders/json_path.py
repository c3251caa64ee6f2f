"""Paths into the result of a vendor codec, as a city's configuration writes them.

soil.moisture          keys, joined by dots
probes[0].value        an element of a list; [-1] is the last
["a.b"].value          a key that holds a dot, a bracket or nothing but digits
probes[*]              every element (only where a list of elements is wanted)
$.serial               from the top of the result, where paths are relative to an element
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_STEP = re.compile(
    r"""(?P<dot>\.)?(?P<key>[^.\[\]"']+)|\[(?P<index>-?\d{1,6})\]|\[(?P<every>\*)\]|\[(?P<q>["'])(?P<quoted>[^"']+)(?P=q)\]"""
)
_LONGEST = 200


class Missing(Enum):
    """Nothing is at the end of a path; None would be a JSON null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


class _Every(Enum):
    EVERY = "*"


_EVERY: Final = _Every.EVERY
_Step = str | int | _Every


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path.

    Attributes:
        text: as it was written.
        absolute: it begins with `$`.
        single: it has no `[*]`, and so leads to one value at most.
    """

    text: str
    steps: tuple[_Step, ...]
    absolute: bool = False

    @classmethod
    def parse(cls, text: str) -> "JsonPath":
        """The path that `text` writes.

        Raises:
            ValueError: it is none.
        """
        absolute = text == "$" or text.startswith(("$.", "$["))
        rest = text[1:] if absolute else text
        steps = tuple(_steps(rest, first=not absolute)) if len(text) <= _LONGEST else ()
        if not steps and text != "$":
            raise ValueError("expected a path such as soil.moisture or probes[0].value")
        return cls(text, steps, absolute)

    @property
    def single(self) -> bool:
        return _EVERY not in self.steps

    def find(self, value: object) -> object:
        """What is at the end of the path below `value`; MISSING when nothing is."""
        for step in self.steps:
            if isinstance(value, dict):
                value = value.get(step, MISSING)
            elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return MISSING
        return value

    def elements(self, value: object) -> Iterator[object]:
        """Every element that the path leads to; a list at its end stands for its elements."""
        if self.steps and self.steps[-1] is _EVERY:
            return _walk(value, self.steps)
        return _walk(value, (*self.steps, _EVERY))


def _steps(text: str, *, first: bool) -> Iterator[_Step]:
    """The steps of `text`, none when it is no path; `first`: it begins without a dot."""
    found: list[_Step] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None or (step["key"] is not None and (step["dot"] is None) is not (first and not found)):
            return iter(())
        found.append(_step(step))
        position = step.end()
    return iter(found)


def _step(found: re.Match[str]) -> _Step:
    if found["index"] is not None:
        return int(found["index"])
    return _EVERY if found["every"] else found["key"] or found["quoted"]


def _walk(value: object, steps: tuple[_Step, ...]) -> Iterator[object]:
    for position, step in enumerate(steps):
        if step is _EVERY:
            if isinstance(value, list):
                for element in value:
                    yield from _walk(element, steps[position + 1 :])
            return
        value = JsonPath("", (step,)).find(value)
        if value is MISSING:
            return
    yield value
