"""The bounded buffer between the connections of a source and its pipeline."""

import asyncio
from collections.abc import Sequence

from ingest.delivery import Delivery, LinkState

LOW_WATER = 0.25
"""Reading goes on when the buffer has fallen to this part of its limits."""


class Inbox:
    """What has arrived and was not taken yet, over all connections of a source.

    What a lost connection has delivered stays: it is stored like the rest, its ack is dropped, and the broker's
    redelivery is recognised by the database. So nothing is lost when the broker has lost the session.
    """

    def __init__(self, state: LinkState, *, max_messages: int, max_bytes: int) -> None:
        self._state = state
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._deliveries: list[Delivery] = []
        self._changed = asyncio.Event()
        self._complete = False

    @property
    def room(self) -> int:
        """How many more messages fit; 0 while reading should pause."""
        if self._state.bytes_buffered >= self._max_bytes:
            return 0
        return max(0, self._max_messages - len(self._deliveries))

    @property
    def paused(self) -> bool:
        """Whether nothing should be read now: full and not yet fallen to the low-water marks, or complete."""
        return self._state.paused or self._complete

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Append in order of receipt; at a limit the state turns to paused."""
        self._deliveries.extend(deliveries)
        self._state.bytes_buffered += _size(deliveries)
        self._state.messages_buffered = len(self._deliveries)
        if not self.room:
            self._state.paused = True
        self._changed.set()

    async def take(self, max_messages: int) -> list[Delivery]:
        """Everything that has arrived, at most `max_messages`; waits for the first. Empty: nothing more will come."""
        await self._changed.wait()
        if len(self._deliveries) <= max_messages:
            batch, self._deliveries = self._deliveries, []
        else:
            batch = self._deliveries[:max_messages]
            del self._deliveries[:max_messages]
        self._state.bytes_buffered -= _size(batch)
        self._state.messages_buffered = len(self._deliveries)
        if not self._deliveries and not self._complete:
            self._changed.clear()
        self._resume_when_low()
        return batch

    def complete(self, *, discard: bool = False) -> None:
        """Nothing more will be put; `take` hands out the rest, unless it is discarded, and then empty lists."""
        self._complete = True
        if discard:
            self._deliveries.clear()
            self._state.bytes_buffered = self._state.messages_buffered = 0
        self._changed.set()

    def _resume_when_low(self) -> None:
        few = len(self._deliveries) <= self._max_messages * LOW_WATER
        if few and self._state.bytes_buffered <= self._max_bytes * LOW_WATER:
            self._state.paused = False


def _size(deliveries: Sequence[Delivery]) -> int:
    """Bytes of topics and payloads: what the limit in bytes counts."""
    return sum([len(delivery.payload) + len(delivery.topic) for delivery in deliveries])
