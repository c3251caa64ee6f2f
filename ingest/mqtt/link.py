"""What the two transports have in common: one connection as a `Link`, and how to wait for an answer on it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from ingest.delivery import Capabilities
from ingest.mqtt.errors import LinkError, LinkLost
from ingest.mqtt.intake import Intake

Answer = TypeVar("Answer")

ANSWER_SECONDS = 10.0
"""How long the broker may take for a CONNACK, SUBACK or PUBACK."""
GOODBYE_SECONDS = 2.0
"""How long an orderly disconnect may take before the connection is cut."""


class Link(Protocol):
    """One connection to a broker, from the accepted CONNECT to its end."""

    session_present: bool
    session_seconds: int | None
    """For how long the broker keeps the session, where it says so."""

    async def subscribe(self, filters: Sequence[str], *, qos: int, retained: bool = False) -> dict[str, str]:
        """Subscribe; returns the refused filters with the broker's reason.

        Args:
            retained: ask for what the broker retains also where the session has the subscription already.

        Raises:
            LinkError: no answer, or the connection ended.
        """

    async def publish(self, topic: str, payload: bytes, *, qos: int) -> None:
        """Publish one message; with QoS 1 returns when the broker has it.

        Raises:
            LinkError: refused, not answered, or the connection ended.
        """

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send one PUBACK each, in this order."""

    def pause(self) -> None:
        """Read no more; PINGREQ goes on."""

    def resume(self) -> None:
        """Read again."""

    async def ended(self) -> LinkError | None:
        """Keep the connection alive until it ends; returns why, None after `disconnect()`."""

    async def disconnect(self) -> None:
        """Send what is pending, say goodbye and close; the broker keeps the session."""

    def abort(self, error: LinkError | None = None) -> None:
        """Cut the connection; `ended()` returns `error`."""


class Transport(Protocol):
    """A way to make links."""

    capabilities: Capabilities

    async def connect(self, intake: Intake) -> Link:
        """Connect and wait until the broker accepts us.

        Raises:
            LinkError: unreachable, refused, or no answer in time.
        """


async def answered(
    answer: Awaitable[Answer],
    what: str,
    *,
    ended: "asyncio.Future[LinkError | None]",
    paused: Callable[[], bool],
    delivered: Callable[[], int],
) -> Answer:
    """The broker's answer; time in which reading is paused or messages keep coming does not count.

    The answer may lie unread, or behind a queue of hundreds of thousands of messages that the broker sends first.

    Args:
        delivered: how many messages the connection has delivered so far.

    Raises:
        LinkError: it did not come in time, or the connection ended.
    """
    waiting: asyncio.Future[Answer] = asyncio.ensure_future(answer)
    either: set[asyncio.Future[Any]] = {waiting, ended}
    try:
        while True:
            before = delivered()
            await asyncio.wait(either, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            if ended.done():
                raise ended.result() or LinkLost("the connection was closed")
            if not paused() and delivered() == before:
                raise LinkError(f"the broker did not answer {what} within {ANSWER_SECONDS:g} s")
    finally:
        waiting.cancel()
