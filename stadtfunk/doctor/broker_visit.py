"""Visits a source's broker under a client id of its own: what it grants, whether the canary comes back, what it drops.

The service's session is never touched. A first connection asks for a lasting session without a subscription, and so
leaves nothing behind that a queue could grow in; the one that subscribes ends its session with itself.
"""

import asyncio
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from ingest.mqtt.canary import PREFIX, SUFFIX, canary_topic
from ingest.mqtt.errors import LinkError, LinkLost
from ingest.mqtt.link import Link
from ingest.mqtt.mqtt5 import Mqtt5Transport
from ingest.mqtt.mqtt5_link import Mqtt5Link
from ingest.mqtt.paho import PahoTransport
from ingest.mqtt.tls import client_context
from ingest.mqtt.watch import BROKER_DROPPED_TOPIC
from ingest.settings import SourceSettings
from stadtfunk.doctor.ear import Ear, Heard, utc_now
from stadtfunk.doctor.presented import Hindered, Server, hindrance

VERSION_TOPIC = "$SYS/broker/version"
ABSENT_TOPIC = "$SYS/broker/clients/disconnected"
STATUS_TOPICS = (VERSION_TOPIC, BROKER_DROPPED_TOPIC, ABSENT_TOPIC)
STATUS_SECONDS = 1.0
"""How long retained `$SYS` messages may take after their SUBACK."""


class CanaryFate(StrEnum):
    """What became of the doctor's canary."""

    CAME_BACK = "came_back"
    MISSING = "missing"
    REFUSED = "refused"
    CUT = "cut"
    """The broker ended the connection instead of taking it."""
    NONE = "none"
    """None may be sent to such a source."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What an MQTT 5 broker grants in its CONNACK."""

    session_seconds: int
    receive_maximum: int
    max_qos: int
    max_packet_bytes: int | None
    retained: bool
    shared: bool


@dataclass(slots=True)
class Visit:
    """The facts of one visit; what was not reached is None."""

    hindered: Hindered | None = None
    refused: str | None = None
    foreign_session: bool = False
    """The broker gave us a session that was there before, although our client id was new."""
    granted: Granted | None = None
    session_kept: bool | None = None
    refused_filters: dict[str, str] = field(default_factory=dict)
    tells_status: bool = False
    canary: CanaryFate = CanaryFate.NONE
    canary_error: str = ""
    heard: Heard | None = None
    listened: float = 0.0
    lost: str | None = None


async def visit(source: SourceSettings, *, listen: float = 0.0) -> Visit:
    """Go there and look; nothing is raised."""
    found = Visit()
    server = Server(source.host, source.port, _name(source))
    context = None if source.tls is None else partial(client_context, source.tls)
    found.hindered = await hindrance(server, context)
    if found.hindered is not None:
        return found
    # the plain filters of a shared group: a member of the group would take the service's messages
    ours = source.model_copy(
        update={"client_id": f"stadtfunk-doctor-{secrets.token_hex(4)}", "shared_group": None, "qos": 0}
    )
    try:
        await _try_session(ours, found)
        if not found.foreign_session:
            await _subscribe(ours, source.qos, found, listen)
    except LinkError as error:
        if found.heard is None:
            found.refused = str(error)
        else:
            found.lost = str(error)
    except OSError as error:
        found.refused = f"{error.filename or ''}: {error.strerror or error}"
    return found


async def _try_session(ours: SourceSettings, found: Visit) -> None:
    """Ask for a lasting session, leave it, and see whether it was kept; nothing is subscribed to in it."""
    link = await _connect(ours, Ear(ours, b"", utc_now))
    found.foreign_session = link.session_present
    found.granted = _granted(link, ours)
    await link.disconnect()
    if found.foreign_session or ours.format == "thethings" or ours.session_expiry == 0:
        return
    again = await _connect(ours.model_copy(update={"session_expiry": 0}), Ear(ours, b"", utc_now))
    found.session_kept = again.session_present
    await again.disconnect()


async def _subscribe(ours: SourceSettings, qos: int, found: Visit, listen: float) -> None:
    """Subscribe in a session that ends with the connection, send a canary, listen."""
    payload = PREFIX + secrets.token_hex(12).encode() + SUFFIX
    ear = Ear(ours, payload, utc_now)
    link = await _connect(ours.model_copy(update={"session_expiry": 0}), ear, forget=True)
    found.heard = ear.heard
    ear.answer_with(link.acknowledge)
    watching = asyncio.ensure_future(link.ended())
    try:
        best = qos if found.granted is None else min(qos, found.granted.max_qos)
        found.refused_filters = await link.subscribe(ours.topics, qos=best)
        if ours.format != "thethings":
            refused = await link.subscribe(STATUS_TOPICS, qos=0, retained=True)
            found.tells_status = len(refused) < len(STATUS_TOPICS)
        await _send_canary(link, ear, ours, best, found)
        await asyncio.wait({watching}, timeout=max(listen, STATUS_SECONDS * found.tells_status))
        found.listened = listen
        if watching.done() and found.canary is not CanaryFate.CUT:
            found.lost = str(watching.result() or "")
        await link.disconnect()
    finally:
        watching.cancel()
        link.abort()


async def _send_canary(link: Link, ear: Ear, ours: SourceSettings, qos: int, found: Visit) -> None:
    topic = canary_topic(ours)
    if topic is None:
        return
    try:
        await link.publish(topic, ear.canary, qos=qos)
        async with asyncio.timeout(ours.canary.timeout_seconds):
            await ear.canary_came.wait()
        found.canary = CanaryFate.CAME_BACK
    except TimeoutError:
        found.canary = CanaryFate.MISSING
    except LinkLost as error:
        found.canary, found.canary_error = CanaryFate.CUT, str(error)
    except LinkError as error:
        found.canary, found.canary_error = CanaryFate.REFUSED, str(error)


async def _connect(ours: SourceSettings, ear: Ear, *, forget: bool = False) -> Link:
    if ours.speaks_mqtt5:
        return await Mqtt5Transport(ours, utc_now).connect(ear)
    return await PahoTransport(ours, utc_now, forget=forget).connect(ear)


def _granted(link: Link, ours: SourceSettings) -> Granted | None:
    connack = link.connack if isinstance(link, Mqtt5Link) else None
    if connack is None:
        return None
    seconds = connack.session_expiry_interval
    return Granted(
        session_seconds=ours.session_expiry if seconds is None else seconds,
        receive_maximum=connack.receive_max,
        max_qos=connack.max_qos.value,
        max_packet_bytes=connack.max_packet_size,
        retained=connack.retain_available,
        shared=connack.shared_subscription_available,
    )


def _name(source: SourceSettings) -> str:
    return (source.tls.server_name if source.tls is not None else None) or source.host
