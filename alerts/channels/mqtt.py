"""Messages as JSON to a broker at QoS 1, and beside them the state of every subject as a retained message.

`<topic>/events/<rule>` carries each message. `<topic>/state/<rule>/<subject>` holds what is open at a subject, and is
emptied when it ends. The channel sends in order: a state must not be overtaken by an older one.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from urllib.parse import quote

import aiomqtt

from alerts.channels import Later, Outgoing, Wording
from alerts.channels.settings import MqttSettings
from alerts.channels.webhook import payload

_ENDS = ("resolved", "withdrawn", "closed")
_STATE = ("number", "rule", "code", "severity", "state", "since", "opened_at", "name", "district", "confidence")


class MqttSender:
    """Publishes to one broker over a connection that is kept while it works."""

    def __init__(self, settings: MqttSettings, wording: Wording, *, now: Callable[[], datetime]) -> None:
        password = settings.read_password()
        self._settings = settings
        self._password = None if password is None else password.get_secret_value()
        self._context: ssl.SSLContext | None = None if settings.tls is None else settings.tls.context()
        self._wording = wording
        self._now = now
        self._client: aiomqtt.Client | None = None
        self._turn = asyncio.Lock()

    async def send(self, message: Outgoing) -> None:
        """See `Sender`; it has arrived when the broker has acknowledged it."""
        async with self._turn:
            try:
                client = await self._connected()
                for topic, content, retain in self._publications(message):
                    await client.publish(topic, content, qos=1, retain=retain, timeout=self._seconds)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                await self._drop()
                raise Later(type(error).__name__) from None
            except asyncio.CancelledError:
                await self._drop()
                raise

    async def close(self) -> None:
        """Say goodbye to the broker."""
        await self._drop()

    @property
    def _seconds(self) -> float:
        return self._settings.timeout.total_seconds()

    def _publications(self, message: Outgoing) -> list[tuple[str, bytes, bool]]:
        """Topic, payload and retain flag of everything that the message means."""
        base, body = self._settings.topic, message.body
        rule = _level(str(body.get("rule") or message.kind))
        found = [(f"{base}/events/{rule}", payload(message, self._wording, self._now()), False)]
        subject = body.get("subject")
        if self._settings.states and isinstance(subject, str) and subject:
            found.append((f"{base}/state/{rule}/{_level(subject)}", _state(message), True))
        return found

    async def _connected(self) -> aiomqtt.Client:
        if self._client is None:
            settings = self._settings
            client = aiomqtt.Client(
                settings.host,
                settings.port,
                username=settings.username,
                password=self._password,
                identifier=settings.client_id or f"stadtfunk-alerts-{token_hex(4)}",
                tls_context=self._context,
                timeout=self._seconds,
            )
            await client.__aenter__()
            self._client = client
        return self._client

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiomqtt.MqttError, OSError):
                await client.__aexit__(None, None, None)


def _state(message: Outgoing) -> bytes:
    """What is open at the subject; nothing when it has ended, which empties the topic."""
    if message.kind in _ENDS:
        return b""
    content = {name: message.body.get(name) for name in _STATE}
    content["updated_at"] = message.created_at.astimezone(UTC).isoformat(timespec="seconds")
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _level(name: str) -> str:
    """`name` as one level of a topic."""
    return quote(name, safe=" :@.,()äöüÄÖÜß")
