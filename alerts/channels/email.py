"""Messages by e-mail, as text and HTML, through the city's mail server.

Each mail's Message-ID follows from the message's key, so that a repeated one can be recognised, and mails about one
alert refer to each other, so that mail programs show them as one conversation.
"""

import hashlib
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from alerts import texts
from alerts.channels import Later, Outgoing, Refused, Wording
from alerts.channels.settings import EmailSettings
from alerts.channels.threads import Threads

_PERMANENT = range(500, 600)
_MISCONFIGURED = (530, 534, 535, 538)
"""Permanent for the server; but a wrong password can be mended while messages wait."""


class EmailSender:
    """Sends messages to the recipients of one channel; those that a server took stay out of later attempts."""

    def __init__(self, settings: EmailSettings, wording: Wording, *, now: Callable[[], datetime]) -> None:
        password = settings.read_password()
        self._settings = settings
        self._password = "" if password is None else password.get_secret_value()
        self._context = None if settings.security == "none" else settings.tls.context()
        self._wording = wording
        self._now = now
        self._threads = Threads("email", settings.concurrency)

    async def send(self, message: Outgoing) -> None:
        """See `Sender`."""
        waiting = [one for one in self._settings.recipients if mark(one) not in message.delivered]
        if not waiting:
            return
        mail = compose(message, self._settings, self._wording, self._now())
        wire = _Wire()
        try:
            refused = await self._threads.run(lambda: self._deliver(mail, waiting, wire), abort=wire.cut)
        except smtplib.SMTPRecipientsRefused as error:
            refused = _codes(error.recipients)
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code) from None
        except (smtplib.SMTPException, OSError) as error:
            raise Later(type(error).__name__) from None
        _judge_recipients(waiting, refused, message.delivered)

    async def close(self) -> None:
        """Threads end with what they are doing."""

    def _deliver(self, mail: EmailMessage, recipients: Sequence[str], wire: "_Wire") -> dict[str, int]:
        """The whole conversation with the server; returns who was refused, with the server's code."""
        settings = self._settings
        at_once = self._context if settings.security == "tls" else None
        client = _Client(settings.host, settings.port, settings.timeout.total_seconds(), wire, at_once)
        try:
            if settings.security == "starttls":
                client.starttls(context=self._context)
            if settings.username is not None:
                client.login(settings.username, self._password)
            refused = _codes(client.send_message(mail, to_addrs=list(recipients)))
            with suppress(OSError):  # the mail is taken: an answer that does not come must not make us send it again
                client.putcmd("quit")
            return refused
        finally:
            client.close()


class _Wire:
    """The socket of a conversation, to be cut from another thread when the deadline has passed."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._cut = False

    def use(self, connection: socket.socket) -> None:
        self._socket = connection
        if self._cut:
            self.cut()

    def cut(self) -> None:
        self._cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Client(smtplib.SMTP):
    """A conversation whose socket is known from its first byte on."""

    def __init__(self, host: str, port: int, seconds: float, wire: _Wire, at_once: ssl.SSLContext | None) -> None:
        self._wire = wire
        self._at_once = at_once
        name = socket.gethostname()
        super().__init__(host, port, local_hostname=name if name.isascii() else "localhost", timeout=seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        self._wire.use(connection)
        if self._at_once is not None:
            connection = self._at_once.wrap_socket(connection, server_hostname=host)
            self._wire.use(connection)
        return connection


def compose(message: Outgoing, settings: EmailSettings, wording: Wording, now: datetime) -> EmailMessage:
    """The mail of a message."""
    text = texts.write(message, wording, now)
    domain = settings.sender.rpartition("@")[2]
    mail = EmailMessage()
    mail["Subject"] = f"{settings.subject_prefix}{text.subject}"
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.recipients)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = _message_id(message.key, domain)
    number = message.body.get("number")
    if isinstance(number, str) and number:
        mail["References"] = _message_id(number, domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["Idempotency-Key"] = message.key
    mail.set_content(texts.plain(text))
    mail.add_alternative(texts.html(text, wording.language), subtype="html")
    return mail


def mark(recipient: str) -> str:
    """What stands for a recipient in the outbox."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:16]


def _message_id(key: str, domain: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def _codes(refused: Mapping[str, tuple[int, bytes]]) -> dict[str, int]:
    return {recipient: code for recipient, (code, _) in refused.items()}


def _judged(code: int) -> Later | Refused:
    """What the server's code about the whole mail asks for; its text may name people and stays out."""
    if code in _PERMANENT and code not in _MISCONFIGURED:
        return Refused(f"the mail server answers {code}")
    return Later(f"the mail server answers {code}")


def _judge_recipients(waiting: Sequence[str], refused: Mapping[str, int], before: frozenset[str]) -> None:
    """Return when nobody is left who may get it later."""
    if not refused:
        return
    later = [one for one, code in refused.items() if code not in _PERMANENT]
    if later:
        done = {mark(one) for one in waiting if one not in later}
        raise Later(f"{len(later)} recipients refused for now ({refused[later[0]]})", delivered=before | done)
    if len(refused) == len(waiting) and not before:
        raise Refused(f"no recipient is taken ({next(iter(refused.values()))})")
