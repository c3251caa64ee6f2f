"""Mosquitto's password file in its own form: PBKDF2 over SHA-512 with a salt."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import pbkdf2_hmac
from hmac import compare_digest
from typing import Final

ROUNDS: Final = 101
"""Mosquitto's own number. Enough for random passwords, which nobody can guess at any speed."""
_SALT_BYTES = 12


def password_file(passwords: Mapping[str, str], known: str = "") -> str:
    """The file's content for `passwords` by user; lines of `known` that still fit stay, so that nothing changes.

    Args:
        known: the content so far. Its users who are not in `passwords` stay, too: an operator added them.
    """
    lines = {line.partition(":")[0]: line for line in known.splitlines() if line}
    for user, password in passwords.items():
        if not fits(lines.get(user, ""), password):
            lines[user] = line_of(user, password)
    return "".join(f"{line}\n" for line in lines.values())


def line_of(user: str, password: str) -> str:
    """One line of the file, with a new salt."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"{user}:$7${ROUNDS}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def fits(line: str, password: str) -> bool:
    """Whether `line` is that of somebody with `password`."""
    try:
        _, kind, rounds_text, salt_text, digest_text = line.partition(":")[2].split("$")
        rounds, salt, digest = int(rounds_text), b64decode(salt_text), b64decode(digest_text)
    except ValueError:
        return False
    return kind == "7" and compare_digest(pbkdf2_hmac("sha512", password.encode(), salt, rounds), digest)
