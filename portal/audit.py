"""Who did what in the portal: logins, failures, changes, exports. Only grows; holds no payload and no licence plate."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.statements import load

_QUERIES = load("portal")

AuditValue = None | bool | int | float | str


class AuditAction(StrEnum):
    """What the portal itself writes down; other rooms add words of their own."""

    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGIN_SLOWED = "login_slowed"
    LOGOUT = "logout"
    CHANNEL_TESTED = "channel_tested"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log."""

    id: int
    at: datetime
    username: str
    action: str
    subject: str
    detail: Mapping[str, AuditValue]


async def record(
    connection: Connection,
    action: str,
    *,
    at: datetime,
    username: str = "",
    subject: str = "",
    detail: Mapping[str, AuditValue] | None = None,
) -> None:
    """Write one line, in the transaction of the change that it tells of.

    Args:
        subject: what it was done to: a case number, a channel, a token's name.
    """
    values = {"at": at, "username": username, "action": action, "subject": subject, "detail": Jsonb(dict(detail or {}))}
    await connection.execute(_QUERIES["record"], values)


async def latest(connection: Connection, *, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
    """The newest lines first; `before` goes on below the line of that number."""
    cursor = await connection.execute(_QUERIES["latest"], {"limit": limit, "before": before})
    return [AuditEntry(*row) for row in await cursor.fetchall()]
