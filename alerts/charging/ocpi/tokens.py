"""OCPI's credentials tokens: how they travel, how they are kept.

Ours for an operator (who calls us with it) is kept as a digest; the operator's for us as a file of mode 0600, because
it must be sent. Many older peers send tokens as they are instead of in base64, so that both are understood.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

SCHEME = "token"
LONGEST = 64


def new_token() -> str:
    """A token that nobody guesses; 43 characters, so that its base64 form fits everywhere."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token that is only compared."""
    return hashlib.sha256(token.encode()).hexdigest()


def authorization(token: SecretStr, *, raw: bool) -> str:
    """The value of the `Authorization` header."""
    value = token.get_secret_value()
    return f"Token {value if raw else base64.b64encode(value.encode()).decode('ascii')}"


def presented(header: str) -> Iterator[str]:
    """The tokens that a header may mean: what its base64 stands for, and itself.

    White space around the decoded one is not its own: the specification's example ends with a newline.
    """
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    if scheme.lower() != SCHEME or not 0 < len(value) <= 2 * LONGEST:
        return
    try:
        decoded = base64.b64decode(value, validate=True).decode("utf-8").strip()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    yield from (token for token in (decoded, value) if is_token(token))


def is_token(value: object) -> bool:
    """True for a text that may be a token: up to 64 printable ASCII characters."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and all("!" <= one <= "~" for one in value)


class TokenFiles:
    """The tokens that operators gave us, one file each, readable for us alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, source: str) -> SecretStr | None:
        """The token for calls to the source's operator; None before the handshake.

        Raises:
            OSError: the file is there and cannot be read.
        """
        try:
            token = self._path(source).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return SecretStr(token) if token else None

    def write(self, source: str, token: SecretStr) -> None:
        """Replace the token at once and durably.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(source)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.unlink(missing_ok=True)
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, token.get_secret_value().encode())
            os.fsync(file)
        finally:
            os.close(file)
        beside.replace(path)

    def remove(self, source: str) -> None:
        """Forget the token."""
        self._path(source).unlink(missing_ok=True)

    def _path(self, source: str) -> Path:
        return self._folder / f"{source}.token"
