"""The pages' languages: sentences are written in German, the catalogues in `locale/` hold their English form.

Each part may have a catalogue of its own. Templates and scripts call `_("Satz")`; a table of sentences in Python marks
them with `_` from here, so that the test which looks for missing entries finds them.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from portal.catalogue import read_catalogue

GERMAN: Final = "de"
ENGLISH: Final = "en"
LANGUAGES: Final = {GERMAN: "Deutsch", ENGLISH: "English"}


@cache
def catalogue() -> Mapping[str, str]:
    """The English sentences by their German ones."""
    found: dict[str, str] = {}
    for file in sorted(files("portal").joinpath("locale").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".po"):
            found |= read_catalogue(file.read_text(encoding="utf-8"))
    return found


def _(sentence: str) -> str:
    """`sentence` itself: marks it for the catalogues; it is translated where it is shown."""
    return sentence


class Translator:
    """Sentences in one language, with details filled in by name."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._sentences: Mapping[str, str] = catalogue() if language == ENGLISH else {}

    def __call__(self, sentence: str, /, **details: object) -> str:
        """`sentence`, German in the source, in this language."""
        return self._sentences.get(sentence, sentence).format_map(details) if details else self.plain(sentence)

    def plain(self, sentence: str) -> str:
        """`sentence` without details; braces stay as they are."""
        return self._sentences.get(sentence, sentence)

    def plural(self, one: str, many: str, /, *, count: int, **details: object) -> str:
        """The sentence for `count` things."""
        return self(one if count == 1 else many, count=count, **details)
