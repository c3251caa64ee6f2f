"""Sentences for people: written in English in the code, shown in German unless the user's language is English.

The catalogue is `locale/de.po`, read when the first sentence is shown. `STADTFUNK_LANG` goes before `LC_ALL`,
`LC_MESSAGES` and `LANG`. Logs, help texts and JSON stay English.
"""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from portal.catalogue import read_catalogue

GERMAN: Final = "de"
ENGLISH: Final = "en"


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
