"""Tokens of programs: random, kept as digests, limited to parts of the portal, read-only unless said otherwise."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from portal.sessions import digest
from portal.user_roles import UserRole
from portal.users import User
from storage.database import Connection
from storage.statements import load

_QUERIES = load("portal")
PREFIX: Final = "stadtfunk_"
"""Lets scanners for leaked secrets recognise one."""


@dataclass(frozen=True, slots=True)
class Token:
    """A program that shows a living token, and what it may do."""

    user: User
    scopes: frozenset[str]
    writes: bool

    def allows(self, scope: str, *, writing: bool) -> bool:
        """True when it may read (or write) the part of the portal that `scope` names."""
        return scope in self.scopes and (self.writes or not writing)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as its owner may see it again: without itself."""

    name: str
    role: UserRole
    scopes: tuple[str, ...]
    writes: bool
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """What a new token shall be allowed."""

    name: str
    role: UserRole = UserRole.VIEWER
    scopes: tuple[str, ...]
    writes: bool = False
    expires_at: datetime


class Tokens:
    """Finds and makes tokens."""

    async def find(self, connection: Connection, token: str, now: datetime) -> Token | None:
        """Whose token it is; None when it was never made, revoked or has expired."""
        if not token.startswith(PREFIX):
            return None
        cursor = await connection.execute(_QUERIES["use_token"], {"digest": digest(token), "now": now})
        row = await cursor.fetchone()
        if row is None:
            return None
        name, role, scopes, writes = row
        return Token(User(f"token:{name}", UserRole(role)), frozenset(scopes), writes)

    async def create(self, connection: Connection, wanted: NewToken, now: datetime) -> str | None:
        """The new token, shown once; None when the name is taken."""
        token = PREFIX + secrets.token_urlsafe(32)
        values = {
            "name": wanted.name,
            "digest": digest(token),
            "role": wanted.role,
            "scopes": list(wanted.scopes),
            "writes": wanted.writes,
            "now": now,
            "expires_at": wanted.expires_at,
        }
        made = await (await connection.execute(_QUERIES["new_token"], values)).fetchone()
        return None if made is None else token

    async def list(self, connection: Connection) -> "list[TokenRow]":
        """All tokens by name."""
        rows = await (await connection.execute(_QUERIES["list_tokens"])).fetchall()
        return [TokenRow(name, UserRole(role), tuple(scopes), *rest) for name, role, scopes, *rest in rows]

    async def revoke(self, connection: Connection, name: str) -> bool:
        """End a token at once; False when there is none of that name."""
        cursor = await connection.execute(_QUERIES["revoke_token"], {"name": name})
        return await cursor.fetchone() is not None
