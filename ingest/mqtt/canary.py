"""The canary: a small message of our own that goes through the broker and must come back through the subscription.

Brokers grant subscriptions that their access list denies, and then deliver nothing, without an error. Only a
message that went all the way proves that uplinks would arrive.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from time import monotonic

from ingest.delivery import Delivery, LinkState
from ingest.mqtt.errors import LinkLost
from ingest.mqtt.problems import Problem, Problems
from ingest.settings import SourceSettings

PREFIX = b'{"stadtfunkCanary":"'
SUFFIX = b'"}'
RETRY_SECONDS = 30.0
TOKEN_BYTES = 12

Publish = Callable[[str, bytes], Awaitable[None]]


def canary_topic(settings: SourceSettings) -> str | None:
    """The topic that the source's canary is published on; None where there can be no canary.

    The Things Stack accepts no such message, another member of a shared group might take it, and a filter
    without wildcards has only the device's own topic.
    """
    first = settings.topics[0]
    if not settings.canary.enabled or settings.format == "thethings" or settings.shared_group is not None:
        return None
    if settings.canary.topic is not None:
        return settings.canary.topic
    if not {"+", "#"} & set(first.split("/")) or first.startswith(("+", "#", "$")):
        return None
    return "/".join("canary" if level in ("+", "#") else level for level in first.split("/"))


class Canary:
    """Publishes canaries on a connection and watches them arrive.

    Args:
        topic: where to publish; `observe` takes only deliveries from there.
        settings: the source's; names, filters and times.
        state: `canary` is written here.
        problems: where the sentence about a missing canary goes.
    """

    def __init__(self, topic: str, settings: SourceSettings, state: LinkState, problems: Problems) -> None:
        self.topic = topic
        self._settings = settings
        self._state = state
        self._problems = problems
        self._awaited = b""
        self._seen = asyncio.Event()
        self._in_flight = False
        self._in_vain = 0

    @property
    def healthy(self) -> bool | None:
        """Whether the last canary came back; None before the first."""
        return self._state.canary

    def observe(self, delivery: Delivery) -> bool:
        """Whether `delivery` is a canary: an own one, an older one from the queue, or another instance's."""
        if delivery.topic != self.topic or not delivery.payload.startswith(PREFIX):
            return False
        if delivery.payload == self._awaited:
            self._seen.set()
        return True

    async def run(self, publish: Publish) -> None:
        """Publish a canary now and every interval, on one connection, until cancelled or the connection is lost.

        Mosquitto 2.0.11 ends a connection that publishes what it may not. So a canary whose connection ended makes
        the next one wait: the proof must not keep a source that delivers from delivering.
        """
        times = self._settings.canary
        if self._in_flight:
            self._in_flight = False
            self._in_vain += 1
            if self._in_vain > 1:
                self._missing("made the broker end the connection")
        if self._in_vain:
            await asyncio.sleep(times.timeout_seconds / 2 if self._in_vain == 1 else self._patience)
        while True:
            try:
                came_back = await self._fly(publish)
            except LinkLost:
                return
            self._in_flight = False
            self._in_vain = 0 if came_back else self._in_vain + 1
            await asyncio.sleep(times.interval_seconds if came_back else self._patience)

    @property
    def _patience(self) -> float:
        """Seconds before the next try after canaries that did not come back."""
        longest = self._settings.canary.interval_seconds
        return min(longest, RETRY_SECONDS * 2.0 ** min(self._in_vain - 1, 10))

    async def _fly(self, publish: Publish) -> bool:
        """One canary, there and back.

        Raises:
            LinkLost: the connection ended before the broker had answered.
        """
        self._awaited = PREFIX + secrets.token_hex(TOKEN_BYTES).encode() + SUFFIX
        self._seen.clear()
        self._in_flight = True
        try:
            await publish(self.topic, self._awaited)
        except LinkLost:
            raise
        except ConnectionError as error:
            self._missing(f"could not be published ({error})")
            return False
        return await self._wait_for_it()

    async def _wait_for_it(self) -> bool:
        """Wait until it is seen, or until neither it nor anything else has come for the time allowed.

        Behind a long queue, or while reading is paused, a canary may be late without anything being wrong; but a
        subscription that delivers other messages for a whole interval and never the canary is wrong, too.
        """
        times = self._settings.canary
        give_up = monotonic() + max(times.interval_seconds, times.timeout_seconds)
        while True:
            received = self._state.received
            try:
                async with asyncio.timeout(times.timeout_seconds):
                    await self._seen.wait()
            except TimeoutError:
                others_come = self._state.received != received and monotonic() < give_up
                if others_come or self._state.paused:
                    continue
                self._missing(f"did not come back within {times.timeout_seconds:g} s")
                return False
            self._state.canary = True
            self._problems.solved(Problem.CANARY_MISSING)
            return True

    def _missing(self, what: str) -> None:
        user = f"user {self._settings.username}" if self._settings.username else "(no user: anonymous)"
        self._state.canary = False
        self._problems.report(
            Problem.CANARY_MISSING,
            f"The canary on {self.topic} {what}: uplinks may be denied, too. The broker's ACL file needs, below "
            f"`{user}`: `topic read {self._settings.topics[0]}` and `topic write {self.topic}`",
        )
