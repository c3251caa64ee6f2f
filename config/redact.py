"""Take secrets out of any text before it is shown: known ones by value, unknown ones by the way people write them."""

import re
from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "***"
_SHORTEST_SECRET = 4
"""Shorter values are no secrets worth the name, and replacing them would garble every line."""

_URL_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#]*@", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{4,}", re.IGNORECASE)
_PAIR = re.compile(
    r"\b(password|passwd|passphrase|pwd|secret|token|api[_-]?key)(['\"]?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&)}\]]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` without credentials in URLs, authorisation headers and `password=…` pairs."""
    text = _URL_CREDENTIALS.sub(rf"\1{HIDDEN}@", text)
    text = _AUTHORIZATION.sub(rf"\1 {HIDDEN}", text)
    return _PAIR.sub(rf"\1\2{HIDDEN}", text)


class Redactor:
    """`redact`, and beside it the exact values of known secrets.

    Args:
        secrets: values that must never be shown; very short ones are left out.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """`text` without any secret."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return redact(text)
