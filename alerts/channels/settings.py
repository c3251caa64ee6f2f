"""Settings of the channels: who is told what, when, and how it gets there. Secrets lie in files."""

from collections.abc import Mapping
from datetime import time, timedelta
from email.errors import HeaderParseError
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from alerts.calendar import ALWAYS, Hours
from alerts.connection_settings import BrokerSettings, TlsSettings, read_secret
from alerts.durations import Duration
from alerts.model import Severity
from alerts.notify import Channel

MIN_SECRET_CHARACTERS: Final = 32
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]

DAY: Final = "day"
ALWAYS_ON: Final = "always"
SHIFTS: Final[Mapping[str, tuple[Hours, ...]]] = {
    DAY: (
        Hours(weekdays=frozenset({"mon", "tue", "wed", "thu", "fri"}), start=time(7), end=time(22), holidays="never"),
        Hours(weekdays=frozenset({"sat"}), start=time(8), end=time(22), holidays="never"),
    ),
    ALWAYS_ON: ALWAYS,
}
"""Shifts that need not be configured; `day` is that of a traffic authority."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RetrySettings(_Settings):
    """How often a message is tried."""

    first: Duration = Field(
        default=timedelta(seconds=5), description="pause after the first failure; doubles each time"
    )
    longest: Duration = Field(default=timedelta(hours=1), description="longest pause between two attempts")
    give_up_after: Duration = Field(
        default=timedelta(hours=24), description="a message that could not be sent for so long is dead"
    )


class _Channel(_Settings):
    """What all channels have in common."""

    kind: str = Field(description="what the channel is; each kind narrows it")
    enabled: bool = Field(default=True, description="false: nothing is written for it, and nothing sent")
    rules: tuple[str, ...] = Field(default=(), description="names of the rules that it tells of; default: all")
    min_severity: Severity = Field(
        default=Severity.WARNING, description="the least severity that it tells of: info, warning, critical"
    )
    escalation: bool = Field(
        default=False, description="tell of alerts only that nobody acknowledged in time (`escalate_after` of the rule)"
    )
    shift: str = Field(
        default=DAY,
        description="shift in which it sends, `day` or `always` or one of `shifts`; else a digest at its begin",
    )
    grouped: bool = Field(
        default=True, description="at most one message of a rule and district in a minute, then a summary"
    )
    language: Literal["de", "en"] = Field(default="de", description="language of its texts")
    timeout: Duration = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        le=timedelta(minutes=5),
        description="how long one attempt may take",
    )
    concurrency: int = Field(default=2, ge=1, le=16, description="messages under way at the same time")
    per_minute: int = Field(default=30, ge=1, le=60_000, description="most messages in a minute")
    retry: RetrySettings = Field(default=RetrySettings(), description="how often a message is tried")

    def channel(self, name: str, shifts: Mapping[str, tuple[Hours, ...]]) -> Channel:
        """What the engine needs to know of it; `shifts` has its shift."""
        shift = shifts[self.shift]
        return Channel(
            name=name,
            min_severity=self.min_severity,
            rules=frozenset(self.rules),
            shift=() if any(hours.always for hours in shift) else shift,
            escalation=self.escalation,
            grouped=self.grouped,
        )


def _mail_address(value: str) -> str:
    try:
        address = Address(addr_spec=value)
    except (HeaderParseError, ValueError, IndexError):
        address = None
    if address is None or not address.username or not address.domain:
        raise ValueError("expected an e-mail address such as leitstelle@stadt.example")
    return value


class EmailSettings(_Channel):
    """Messages by e-mail, through the city's mail server."""

    kind: Literal["email"] = Field(description="`email`: by SMTP, as text and HTML")
    host: str = Field(min_length=1, description="the mail server's host name or address")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls`, `tls` from the first byte, or `none` (only without a login)"
    )
    port: int = Field(
        default_factory=lambda data: {"tls": 465, "starttls": 587}.get(str(data.get("security")), 25),
        ge=1,
        le=65535,
        description="its port; default 465 with `tls`, 587 with `starttls`, else 25",
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="certificates of the connection")
    username: str | None = Field(default=None, description="user name at the mail server")
    password_file: Path | None = Field(default=None, description="file that holds the user's password")
    sender: str = Field(description="address that the messages come from")
    recipients: tuple[str, ...] = Field(min_length=1, description="addresses that get them")
    subject_prefix: str = Field(default="[Stadtfunk] ", max_length=40, description="what every subject begins with")

    @field_validator("sender")
    @classmethod
    def _sender_is_an_address(cls, value: str) -> str:
        return _mail_address(value)

    @field_validator("recipients")
    @classmethod
    def _recipients_are_addresses(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_mail_address(value) for value in values))

    @field_validator("subject_prefix")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("subject_prefix: expected one line")
        return value

    @model_validator(mode="after")
    def _login_is_complete_and_encrypted(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together: give both or none")
        if self.username is not None and self.security == "none":
            raise ValueError("a password is sent over starttls or tls only")
        return self

    def read_password(self) -> SecretStr | None:
        """The password; None without a file.

        Raises:
            OSError: the file cannot be read.
        """
        return read_secret(self.password_file)


class WebhookSettings(_Channel):
    """Messages as signed JSON to a URL."""

    shift: str = Field(default=ALWAYS_ON, description="shift in which it sends, `day` or `always` or one of `shifts`")
    kind: Literal["webhook"] = Field(description="`webhook`: signed JSON, posted to a URL")
    url: SecretStr | None = Field(default=None, description="https URL that takes the messages")
    url_file: Path | None = Field(default=None, description="file that holds the URL; instead of `url`")
    secret_file: Path = Field(
        description="file with the secret that messages are signed with (HMAC-SHA256), at least 32 characters"
    )
    allow_hosts: tuple[str, ...] = Field(
        default=(), description="host names of receivers that may be in the own network and may use plain http"
    )
    tls: TlsSettings = Field(default=TlsSettings(), description="certificates of the connection")

    @model_validator(mode="after")
    def _one_safe_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("url and url_file: give one of them")
        if self.url is not None:
            self._check(self.url.get_secret_value())
        return self

    def read_url(self) -> SecretStr:
        """The URL.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no URL that may be called.
        """
        if self.url is not None:
            return self.url
        assert self.url_file is not None
        url = self.url_file.read_text(encoding="utf-8").strip()
        self._check(url)
        return SecretStr(url)

    def read_secret(self) -> SecretStr:
        """The secret of the signature.

        Raises:
            OSError: the file cannot be read.
            ValueError: the secret is too short.
        """
        secret = self.secret_file.read_text(encoding="utf-8").strip()
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise ValueError(f"the secret in {self.secret_file} has fewer than {MIN_SECRET_CHARACTERS} characters")
        return SecretStr(secret)

    def _check(self, url: str) -> None:
        """Raise ValueError, without the URL in its text, unless `url` is https or its host is allowed."""
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise ValueError("a webhook needs a URL that begins with https://")
        if parts.scheme != "https" and parts.hostname not in self.allow_hosts:
            raise ValueError("a webhook's URL must begin with https:// unless its host is in allow_hosts")


class MqttSettings(BrokerSettings, _Channel):
    """Messages as JSON to an MQTT broker, at QoS 1."""

    shift: str = Field(default=ALWAYS_ON, description="shift in which it sends, `day` or `always` or one of `shifts`")
    kind: Literal["mqtt"] = Field(description="`mqtt`: JSON to a broker, QoS 1")
    client_id: str = Field(default="", max_length=64, description="id at the broker; default: a random one")
    topic: str = Field(
        default="stadtfunk/alerts",
        pattern=r"^[^+#\x00$][^+#\x00]*$",
        description="messages go to `<topic>/events/<rule>`, states to `<topic>/state/<rule>/<subject>`",
    )
    states: bool = Field(
        default=True, description="also keep the state of each subject as a retained message, emptied when it ends"
    )
    grouped: bool = Field(
        default=False, description="at most one message of a rule and district in a minute, then a summary"
    )
    per_minute: int = Field(default=6000, ge=1, le=60_000, description="most messages in a minute")

    @model_validator(mode="after")
    def _safe_and_complete(self) -> Self:
        if self.tls is None and self.host not in LOOPBACK:
            raise ValueError("a broker on another machine needs tls")
        if self.states and self.grouped:
            raise ValueError("states need every message: set grouped to false")
        return self


class AppriseSettings(_Channel):
    """Messages to any service that Apprise knows: Matrix, Teams, SMS gateways and many others."""

    kind: Literal["apprise"] = Field(description="`apprise`: any service that Apprise knows")
    urls_file: Path = Field(description="file with Apprise URLs, one a line (mode 0600): they hold the credentials")

    def read_urls(self) -> tuple[SecretStr, ...]:
        """The URLs.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds none.
        """
        lines = [line.strip() for line in self.urls_file.read_text(encoding="utf-8").splitlines()]
        urls = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
        if not urls:
            raise ValueError(f"{self.urls_file} holds no Apprise URL")
        if not all("://" in url for url in urls):
            raise ValueError(f"{self.urls_file} has a line that is no URL")
        return tuple(map(SecretStr, urls))


class WebPushSettings(_Channel):
    """Messages to the browsers of people who asked for them in the portal."""

    kind: Literal["webpush"] = Field(description="`webpush`: to browsers that subscribed in the portal")
    key_file: Path = Field(description="PEM file with our private key on P-256 (mode 0600); browsers subscribe to it")
    contact: str = Field(description="e-mail address that push services may write to")
    allow_hosts: tuple[str, ...] = Field(
        default=(), description="host names of push services that may be in the own network and may use plain http"
    )

    @field_validator("contact")
    @classmethod
    def _contact_is_an_address(cls, value: str) -> str:
        return _mail_address(value)

    def read_key(self) -> ec.EllipticCurvePrivateKey:
        """The key.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no private key on P-256.
        """
        try:
            key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError(f"{self.key_file} holds no private key in PEM without a password") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"the key in {self.key_file} is none on P-256")
        return key


ChannelSettings = Annotated[
    EmailSettings | WebhookSettings | MqttSettings | AppriseSettings | WebPushSettings, Field(discriminator="kind")
]
