"""The browsers that people subscribed with in the portal, as the sender of pushes sees them."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import psycopg

from alerts.channels import Later
from storage.database import Connection
from storage.failures import Fatal, Retryable
from storage.statements import load

_QUERIES = load("outbox")

Connect = Callable[[], Awaitable[Connection]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One browser; keys as it gave them, in base64url."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def mark(self) -> str:
        """What stands for it in the outbox."""
        return hashlib.sha256(self.endpoint.encode()).hexdigest()[:16]


class Subscriptions:
    """Reads and forgets subscriptions; a message is rare enough for a connection of its own.

    Args:
        connect: opens a connection in the alerts' role.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def all(self) -> list[Subscription]:
        """Every browser.

        Raises:
            Later: the database is away, as for `forget`.
        """
        return [Subscription(*row) for row in await self._run("subscriptions", {})]

    async def forget(self, one: Subscription) -> None:
        """Its subscription has ended."""
        await self._run("forget_subscription", {"endpoint": one.endpoint})

    async def _run(self, statement: str, values: dict[str, object]) -> list[tuple[str, str, str]]:
        try:
            async with await self._connect() as connection:
                cursor = await connection.execute(_QUERIES[statement], values)
                return await cursor.fetchall() if cursor.description else []
        except (psycopg.Error, Retryable, Fatal) as error:
            raise Later(f"subscriptions cannot be read: {type(error).__name__}") from None
