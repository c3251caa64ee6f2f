"""Catalogues of translated sentences in the gettext format, read without its tools."""

import re
from collections.abc import Iterator

_LINE = re.compile(r'^(msgid|msgstr)?\s*"(.*)"$')
_ESCAPE = re.compile(r"\\(.)")


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
