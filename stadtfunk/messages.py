"""Sentences for people: written in English in the code, shown in German unless the user's language is English.

The catalogue is `locale/de.po`, read when the first sentence is shown. `STADTFUNK_LANG` goes before `LC_ALL`,
`LC_MESSAGES` and `LANG`. Logs, help texts and JSON stay English.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

GERMAN: Final = "de"
ENGLISH: Final = "en"

_LINE = re.compile(r'^(msgid|msgstr)?\s*"(.*)"$')
_ESCAPE = re.compile(r"\\(.)")


def text(template: str, /, **details: object) -> str:
    """`template` in the user's language, with `details` filled in."""
    return translated(template).format_map(details)


def translated(template: str) -> str:
    """`template` in the user's language; itself where the catalogue lacks it."""
    if language(os.environ) == ENGLISH:
        return template
    return catalogue().get(template, template)


def language(environment: Mapping[str, str]) -> str:
    """`en` for an English environment, else `de`."""
    for name in ("STADTFUNK_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "").lower()
        if value:
            return ENGLISH if value.startswith(ENGLISH) else GERMAN
    return GERMAN


@cache
def catalogue() -> Mapping[str, str]:
    """The German sentences by their English ones."""
    return read_catalogue(files("stadtfunk").joinpath("locale", "de.po").read_text(encoding="utf-8"))


def read_catalogue(po: str) -> dict[str, str]:
    """The entries of a gettext file; the header and untranslated entries are left out.

    Raises:
        ValueError: a line is neither comment nor entry.
    """
    return {source: target for source, target in _entries(po) if source and target}


def _entries(po: str) -> Iterator[tuple[str, str]]:
    parts = {"msgid": "", "msgstr": ""}
    current = "msgstr"
    for number, line in enumerate(po.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if match is None:
            raise ValueError(f"line {number}: expected msgid, msgstr or a quoted text")
        keyword = match[1] or current
        if keyword == "msgid" and current == "msgstr":
            yield parts["msgid"], parts["msgstr"]
            parts = {"msgid": "", "msgstr": ""}
        parts[keyword] += _ESCAPE.sub(lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), match[2])
        current = keyword
    yield parts["msgid"], parts["msgstr"]
