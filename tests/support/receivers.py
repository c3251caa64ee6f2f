"""Receivers of messages on loopback: a web server with scripted answers, and a mail server that keeps what it takes."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Call:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers["idempotency-key"]

    def json(self) -> dict[str, object]:
        """The body."""
        found: dict[str, object] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """A scripted answer; `seconds` before it, `size` bytes of body, or nothing but a closed connection."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    size: int = 0
    hang_up: bool = False


class WebReceiver:
    """An HTTP server of a few lines: answers as `answer` says and remembers every request and connection.

    Args:
        answer: gives the reply to a call.
        tls: makes it an https server.
    """

    def __init__(self, answer: Callable[[Call], Reply] = lambda call: Reply(), *, tls: ssl.SSLContext | None = None):
        self.answer = answer
        self.calls: list[Call] = []
        self.connections = 0
        self._tls = tls
        self._server: asyncio.Server | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections."""
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Where messages go."""
        return f"{'http' if self._tls is None else 'https'}://{HOST}:{self.port}/hook"

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of all calls, in their order."""
        return [call.key for call in self.calls]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._exchange(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # cancelled at the end of the test, when an answer was still to come
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        call = Call(method, path, headers, body)
        self.calls.append(call)
        reply = self.answer(call)
        await asyncio.sleep(reply.seconds)
        if reply.hang_up:
            return
        extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        length = f"Content-Length: {reply.size}\r\n"
        writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{extra}{length}Connection: close\r\n\r\n".encode())
        await writer.drain()
        for start in range(0, reply.size, 65_536):
            writer.write(b"x" * min(65_536, reply.size - start))
            await writer.drain()


@dataclass(slots=True)
class MailReceiver:
    """What a mail server took, and how it answers.

    Attributes:
        refuse: answer to a recipient, such as `550 unknown`; by address.
        answer: to a whole mail.
    """

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    answer: str = "250 taken"
    port: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("2"):
            mail = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.answer


@contextmanager
def mail_server(port: int = 0, **options: object) -> Iterator[MailReceiver]:
    """A mail server in a thread of its own; `options` are aiosmtpd's."""
    receiver = MailReceiver()
    controller = _AnyPort(receiver, hostname=HOST, port=port, **options)
    controller.start()
    try:
        receiver.port = controller.server.sockets[0].getsockname()[1]
        yield receiver
    finally:
        controller.stop()


class _AnyPort(Controller):
    """aiosmtpd's check that the server answers, on the port that the system chose."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
