"""Logins that last a shift, kept under the digest of their token, so that a leaked table lets nobody in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from portal.site_settings import PortalSettings
from portal.user_roles import UserRole
from portal.users import User
from storage.database import Connection
from storage.statements import load

_QUERIES = load("portal")
_TOKEN_BYTES: Final = 32
_RENEW_AFTER: Final = timedelta(minutes=1)


class Origin(StrEnum):
    """Who vouches for a user."""

    LOCAL = "local"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Session:
    """One login.

    Attributes:
        csrf_token: what every form and every changing request of this login must show.
        expires_at: when it ends unless used before; never later than a shift after `created_at`.
    """

    digest: bytes
    user: User
    origin: Origin
    csrf_token: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions:
    """Begins, finds and ends logins, within the lifetimes of the settings."""

    def __init__(self, settings: PortalSettings) -> None:
        self.lifetime = timedelta(hours=settings.session_hours)
        self._idle = timedelta(hours=settings.idle_hours or settings.session_hours)

    async def begin(self, connection: Connection, user: User, origin: Origin, now: datetime) -> str:
        """A new login and its token, which only the visitor's cookie keeps."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await connection.execute(
            _QUERIES["new_session"],
            {
                "digest": digest(token),
                "username": user.name,
                "role": user.role,
                "origin": origin,
                "csrf_token": secrets.token_urlsafe(_TOKEN_BYTES),
                "now": now,
                "expires_at": now + min(self._idle, self.lifetime),
            },
        )
        return token

    async def find(self, connection: Connection, token: str, now: datetime) -> Session | None:
        """The living login of `token`; using it keeps it alive within the shift."""
        key = digest(token)
        row = await (await connection.execute(_QUERIES["find_session"], {"digest": key, "now": now})).fetchone()
        if row is None:
            return None
        name, role, origin, csrf_token, created_at, seen_at, expires_at = row
        session = Session(key, User(name, UserRole(role)), Origin(origin), csrf_token, created_at, seen_at, expires_at)
        if now - seen_at >= _RENEW_AFTER:
            await self._renew(connection, session, now)
        return session

    async def end(self, connection: Connection, token: str) -> None:
        """Log out."""
        await connection.execute(_QUERIES["end_session"], {"digest": digest(token)})

    async def _renew(self, connection: Connection, session: Session, now: datetime) -> None:
        expires_at = min(now + self._idle, session.created_at + self.lifetime)
        await connection.execute(
            _QUERIES["renew_session"], {"digest": session.digest, "now": now, "expires_at": expires_at}
        )


def digest(token: str) -> bytes:
    """SHA-256 of a random token: enough, since nobody can guess 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
