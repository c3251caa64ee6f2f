"""What every channel is: something that takes one message at a time, and says what to do when it could not.

A channel sends and nothing else. The outbox claims, counts, waits, tries again and gives up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerts.model import Json


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way.

    Attributes:
        key: the idempotency key; the same in every attempt, also after a crash.
        kind: an `EventKind`, or `summary`, `digest`, `test`.
        body: plain facts, as `alerts.policy.body` and `alerts.notify` write them.
        created_at: when it was written into the outbox.
        delivered: marks of recipients that have it already from an earlier attempt.
    """

    key: str
    kind: str
    body: Mapping[str, Json]
    created_at: datetime
    delivered: frozenset[str] = frozenset()


class Later(Exception):
    """It may work in a while. The text is a short reason without secrets, addresses and payload.

    Attributes:
        after: seconds that the receiver asked us to wait; None leaves it to the outbox.
        delivered: marks of the recipients that have it now; the next attempt leaves them out.
    """

    def __init__(self, reason: str, *, after: float | None = None, delivered: frozenset[str] = frozenset()) -> None:
        super().__init__(reason)
        self.after = after
        self.delivered = delivered


class Refused(Exception):
    """It will never work as it is: the receiver does not want this message. The text is a short reason as above."""


class Sender(Protocol):
    """One channel."""

    async def send(self, message: Outgoing) -> None:
        """Return when the receiver has taken `message`; the outbox sets the deadline.

        Raises:
            Later: it may work in a while.
            Refused: it never will.
        """
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...


@dataclass(frozen=True, slots=True)
class Wording:
    """How a channel writes for people.

    Attributes:
        language: `de` or `en`.
        time_zone: of the times in texts.
        portal_url: where the portal is; empty: texts have no link.
    """

    language: str = "de"
    time_zone: str = "Europe/Berlin"
    portal_url: str = ""
