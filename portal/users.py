"""Who uses the portal, and the proof of a password: argon2id, the same cost whether the user exists or not."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.site_settings import UserSettings
from portal.user_roles import UserRole

MAX_PASSWORD: Final = 1024
"""Characters; argon2 would read a longer one, and so would an attacker like us to."""
_AT_ONCE: Final = 2
"""Proofs at the same time: each takes 64 MiB and a core for some 50 ms."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is logged in, or a program with a token (`token:<name>`)."""

    name: str
    role: UserRole


class Accounts:
    """The users of the configuration.

    Args:
        users: by their names.
        hasher: cheaper in tests.
    """

    def __init__(self, users: Mapping[str, UserSettings], *, hasher: PasswordHasher | None = None) -> None:
        self._users = dict(users)
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody's password")
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def __len__(self) -> int:
        return len(self._users)

    def role_of(self, name: str) -> UserRole | None:
        """The role that `name` has now; None when the user is gone."""
        user = self._users.get(name)
        return None if user is None else user.role

    async def login(self, name: str, password: str) -> User | None:
        """The user, when the password is theirs."""
        stored = self._users.get(name)
        proof = self._nobody if stored is None else stored.password_hash.get_secret_value()
        async with self._turn:
            same = await asyncio.to_thread(self._verify, proof, password[:MAX_PASSWORD])
        return User(name, stored.role) if same and stored is not None else None

    def _verify(self, proof: str, password: str) -> bool:
        try:
            return self._hasher.verify(proof, password)
        except (VerificationError, InvalidHashError):
            return False


def hash_password(password: str) -> str:
    """The argon2id hash of `password` for the configuration."""
    return PasswordHasher().hash(password)
