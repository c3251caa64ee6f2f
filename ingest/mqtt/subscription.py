"""One source's subscription: keeps a connection, bounds what is buffered, and sends acks after the commit.

The same for both transports; what differs between them stands behind `Transport` and `Link`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from time import monotonic

from ingest.delivery import Delivery, LinkState, Subscription
from ingest.mqtt.backoff import Backoff
from ingest.mqtt.canary import Canary, canary_topic
from ingest.mqtt.errors import LinkError, LinkLost, LinkRefused, MalformedStream
from ingest.mqtt.inbox import Inbox
from ingest.mqtt.intake import Intake
from ingest.mqtt.link import Link, Transport
from ingest.mqtt.mqtt5 import Mqtt5Transport
from ingest.mqtt.paho import PahoTransport
from ingest.mqtt.problems import Problem, Problems
from ingest.mqtt.watch import BROKER_DROPPED_TOPIC, LossWatch
from ingest.settings import SourceSettings

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

SUSPICIOUSLY_BRIEF = 3
"""After so many brief connections in a row, a second client with our id is suspected."""

ASK_AGAIN_SECONDS = 15.0
"""How often the broker is asked for its losses; with its own 10 s, one is told within half a minute."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def subscribe(settings: SourceSettings, *, backoff: Backoff | None = None, clock: Clock = utc_now) -> Subscription:
    """The subscription that `settings` describe, with its transport; nothing is connected before `run()`."""
    make = Mqtt5Transport if settings.resolved_transport == "mqtt5" else PahoTransport
    return MqttSubscription(settings, make(settings, clock), backoff=backoff or Backoff(), clock=clock)


class MqttSubscription:
    """`ingest.delivery.Subscription` over MQTT."""

    def __init__(self, settings: SourceSettings, transport: Transport, *, backoff: Backoff, clock: Clock) -> None:
        self.source = settings.name
        self.capabilities = transport.capabilities
        self.state = LinkState()
        self._settings = settings
        self._transport = transport
        self._backoff = backoff
        self._problems = Problems(settings.name, self.state)
        topic = canary_topic(settings)
        self._canary = Canary(topic, settings, self.state, self._problems) if topic is not None else None
        self._watch = LossWatch(settings, self.state, self._problems, clock, expects_messages=topic is None)
        self._inbox = Inbox(
            self.state, max_messages=settings.max_buffered_messages, max_bytes=settings.max_buffered_bytes
        )
        self._intake: Intake | None = None
        self._link: Link | None = None
        self._closed = asyncio.Event()
        self._subscribed_at: float | None = None
        self._had_session = False
        self._brief_in_row = 0

    async def run(self) -> None:
        """Connect, subscribe, reconnect with jittered back-off; returns after `close()`."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch.run())
            while not self._closed.is_set():
                await self._rest(await self._one_connection())
            watch.cancel()

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        """Everything that has arrived since the last call, in order; waits while nothing has."""
        while batch := await self._inbox.take(self._settings.max_batch):
            self._resume()
            yield batch

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge after the commit, in order of receipt; acks of an older epoch are dropped."""
        if self._intake is not None:
            self._intake.acknowledge(deliveries)
        else:
            self.state.stale_acks += sum(1 for delivery in deliveries if delivery.packet_id)

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> None:
        """Publish on the same connection.

        Raises:
            LinkError: not connected, refused, or not acknowledged in time.
        """
        if self._link is None:
            raise LinkLost("not connected")
        await self._link.publish(topic, payload, qos=qos)

    def stop_reading(self) -> None:
        """Take nothing more from the broker; acks still go out."""
        self._inbox.complete()
        if self._link is not None:
            self._link.pause()

    async def close(self) -> None:
        """Stop reading, flush pending acks, disconnect keeping the session."""
        self.stop_reading()
        self._inbox.complete(discard=True)
        self._closed.set()
        if self._link is not None:
            await self._link.disconnect()

    async def _one_connection(self) -> float:
        """One connection from its attempt to its end; returns the seconds to wait before the next."""
        self._subscribed_at, error = None, None
        try:
            error = await self._connect_and_serve()
        except LinkError as failure:
            error = failure
        finally:
            self._detach()
        lasted = monotonic() - self._subscribed_at if self._subscribed_at is not None else 0.0
        self._brief_in_row = self._brief_in_row + 1 if 0 < lasted < self._backoff.settled else 0
        if error is not None and not self._closed.is_set():
            self._note(error)
        return self._backoff.next(lasted=lasted, refused=isinstance(error, LinkRefused))

    async def _connect_and_serve(self) -> LinkError | None:
        """Raises or returns the error with which the connection ended; None after `close()`."""
        self.state.epoch += 1
        intake = self._intake = Intake(
            self._inbox, self.state, self._watch, self._canary, source=self.source, epoch=self.state.epoch
        )
        link = await self._connect(intake)
        if link is None:
            return None
        if self._closed.is_set():
            await link.disconnect()
            return None
        self._attach(link, intake)
        try:
            async with asyncio.TaskGroup() as tasks:
                upkeep = tasks.create_task(self._keep_subscribed(link))
                error = await link.ended()
                upkeep.cancel()
            return error
        finally:
            link.abort()

    async def _connect(self, intake: Intake) -> Link | None:
        """A connection, or None when `close()` came first."""
        async with asyncio.TaskGroup() as tasks:
            attempt = tasks.create_task(_outcome(self._transport.connect(intake)))
            closed = tasks.create_task(self._closed.wait())
            await asyncio.wait({attempt, closed}, return_when=asyncio.FIRST_COMPLETED)
            closed.cancel()
            attempt.cancel()
        if attempt.cancelled():
            return None
        link, error = attempt.result()
        if error is not None:
            raise error
        return link

    def _attach(self, link: Link, intake: Intake) -> None:
        lost = self._had_session and not link.session_present
        self._link = link
        self.state.connected = True
        self.state.session_present = link.session_present
        self.state.sessions_lost += lost
        self.state.reconnects += self._had_session
        self._had_session = True
        self._watch.session_checked(lost=lost, kept_seconds=link.session_seconds)
        intake.attach(link.acknowledge)
        self._resume()  # it may have filled the inbox, and the inbox been emptied, before it was ours
        logger.info("connected source=%s epoch=%d session_present=%s", self.source, intake.epoch, link.session_present)

    def _resume(self) -> None:
        if self._link is not None and not self._inbox.paused:
            self._link.resume()

    def _detach(self) -> None:
        self._link = self._intake = None
        self.state.connected = self.state.subscribed = False

    async def _keep_subscribed(self, link: Link) -> None:
        """Subscribe, prove it with canaries, ask the broker what it dropped; an error here ends the connection."""
        try:
            await self._subscribe(link)
        except LinkError as error:
            link.abort(error)
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_for_drops(link))
            if self._canary is not None:
                tasks.create_task(self._canary.run(lambda topic, payload: link.publish(topic, payload, qos=1)))

    async def _ask_for_drops(self, link: Link) -> None:
        """Subscribe anew to the broker's count of dropped messages, and be told it, every few seconds.

        The broker publishes a change once: perhaps before we came back, or while our queue was full.
        """
        while self._settings.format != "thethings":
            try:
                # a refusal only means that the broker does not tell
                await link.subscribe([BROKER_DROPPED_TOPIC], qos=0, retained=True)
            except LinkError as error:
                link.abort(error)
                return
            await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _subscribe(self, link: Link) -> None:
        """Ask until every filter is granted; the granted ones deliver meanwhile."""
        filters = self._filters()
        while refused := await link.subscribe(filters, qos=self._settings.qos):
            filters = list(refused)
            self.state.last_error = "; ".join(f"{topic}: {reason}" for topic, reason in refused.items())
            self._problems.report(
                Problem.SUBSCRIPTION_REFUSED,
                f"The broker refused a subscription ({self.state.last_error}): its access list must let "
                f"`{self._settings.username or 'anonymous'}` subscribe to and read it",
            )
            await asyncio.sleep(self._backoff.next(refused=True))
        self._subscribed_at = monotonic()
        self.state.subscribed, self.state.last_error = True, ""
        self._problems.solved(Problem.SUBSCRIPTION_REFUSED)
        logger.info("subscribed source=%s epoch=%d filters=%d", self.source, self.state.epoch, len(self._filters()))

    def _filters(self) -> list[str]:
        group = self._settings.shared_group
        return [f"$share/{group}/{topic}" if group is not None else topic for topic in self._settings.topics]

    def _note(self, error: LinkError) -> None:
        self.state.last_error = str(error)
        if isinstance(error, LinkLost) and self._brief_in_row >= SUSPICIOUSLY_BRIEF:
            # brokers do not always say that a session was taken over
            self.state.last_error += (
                f"; {self._brief_in_row} connections in a row ended within seconds: does another client use the "
                f"client_id {self._settings.client_id}?"
            )
        self.state.malformed += isinstance(error, MalformedStream)
        logger.warning("disconnected source=%s epoch=%d error=%r", self.source, self.state.epoch, self.state.last_error)

    async def _rest(self, seconds: float) -> None:
        """Wait, but not longer than until `close()`."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return


async def _outcome(connecting: Coroutine[None, None, Link]) -> tuple[Link | None, LinkError | None]:
    """The link or the error; as values, because a task group would wrap what is raised in it."""
    try:
        return await connecting, None
    except LinkError as error:
        return None, error
