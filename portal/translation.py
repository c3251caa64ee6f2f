"""The pages' languages: sentences are written in German, `locale/en.po` holds their English form."""

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
    return read_catalogue(files("portal").joinpath("locale", "en.po").read_text(encoding="utf-8"))


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
