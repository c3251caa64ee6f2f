"""Settings of the sources: where uplinks come from, how they are subscribed to, and what bounds their memory."""

import errno
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

DAY_SECONDS = 86_400
FOREVER = 0xFFFF_FFFF

SHARED_GROUP_WARNING = (
    "shared_group: Mosquitto before 2.0.12 loses messages with shared subscriptions (it does not restore them for a "
    "returning client, and keeps serving members that are gone); use it with another or a newer broker only"
)

DEFAULT_TOPICS: dict[str, tuple[str, ...]] = {
    "chirpstack": (
        "application/+/device/+/event/+",
        "gateway/+/event/stats",
        "gateway/+/state/conn",
        "+/gateway/+/event/stats",
        "+/gateway/+/state/conn",
    ),
    "thethings": (
        "v3/+/devices/+/up",
        "v3/+/devices/+/join",
        "v3/+/devices/+/service/data",
        "v3/+/devices/+/location/solved",
    ),
}

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsSettings(_Settings):
    """How the broker proves who it is, and how we do."""

    ca_file: Path | None = Field(
        default=None, description="PEM file of the CA that signed the broker's certificate; the system's CAs without it"
    )
    cert_file: Path | None = Field(default=None, description="our client certificate (PEM), with `key_file`")
    key_file: Path | None = Field(default=None, description="the private key of `cert_file` (PEM, without a password)")
    crl_file: Path | None = Field(
        default=None, description="PEM file of the CA's revocation list; a broker whose certificate is on it is refused"
    )
    server_name: str | None = Field(
        default=None, description="the name that the broker's certificate must carry, where it is not `host`"
    )

    @model_validator(mode="after")
    def _certificate_needs_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        if self.crl_file is not None and self.ca_file is None:
            raise ValueError("crl_file needs ca_file: the list must be signed by that CA")
        return self


class CanarySettings(_Settings):
    """A small message of our own that proves that the subscription delivers: brokers do not tell when an ACL denies."""

    enabled: bool = Field(
        default=True, description="publish a canary; false where the broker's user may not write its topic"
    )
    topic: str | None = Field(
        default=None,
        description="the canary's topic, matched by a subscribed filter; default: the first filter with its wildcards "
        "filled, `application/canary/device/canary/event/canary`",
    )
    interval_seconds: float = Field(default=300, gt=0, description="time between two canaries")
    timeout_seconds: float = Field(default=8, gt=0, description="how long a canary may take to come back")

    @field_validator("topic")
    @classmethod
    def _topic_has_no_wildcard(cls, topic: str | None) -> str | None:
        if topic is not None and (not topic or set(topic) & set("+#\0")):
            raise ValueError("a topic to publish on: not empty, without + and #")
        return topic


class SourceSettings(_Settings):
    """One broker, or one application of The Things Stack, to read uplinks from."""

    name: Name = Field(description="short name of the source, in tables, metrics and logs: a-z, 0-9, - and _")
    format: Literal["chirpstack", "thethings"] = Field(
        default="chirpstack", description="whose messages they are: `chirpstack` (v4) or `thethings` (v3)"
    )
    transport: Literal["auto", "mqtt5", "paho"] = Field(
        default="auto",
        description="`mqtt5`: fast, for brokers that speak MQTT 5; `paho`: for all others; `auto`: mqtt5 for "
        "chirpstack, paho for thethings",
    )
    mqtt_version: Literal["3.1.1", "5"] = Field(
        default="3.1.1", description="the protocol that `transport: paho` speaks; the transport mqtt5 always speaks 5"
    )
    host: str = Field(default="localhost", min_length=1, description="the broker's host name or address")
    tls: TlsSettings | None = Field(default=None, description="encrypt the connection; none on loopback only")
    port: int = Field(
        default_factory=lambda data: 1883 if data.get("tls") is None else 8883,
        ge=1,
        le=65535,
        description="the broker's port; default 8883 with tls, else 1883",
    )
    username: str | None = Field(default=None, description="user name at the broker; TTS: `application@tenant`")
    password: SecretStr | None = Field(default=None, description="the user's password, best from the environment")
    password_file: Path | None = Field(
        default=None, description="file that holds the password, read at every connection; instead of `password`"
    )
    client_id: str = Field(
        default_factory=lambda data: f"stadtfunk-{data.get('name', '')}",
        min_length=1,
        max_length=65535,
        description="fixed id under which the broker keeps our session; default `stadtfunk-<name>`; no other client "
        "may use it",
    )
    topics: tuple[str, ...] = Field(
        default_factory=lambda data: DEFAULT_TOPICS.get(data.get("format", ""), ()),
        min_length=1,
        description="topic filters; default: what the format publishes. After a change use a new `client_id`: the "
        "broker's session remembers the old filters",
    )
    qos: Literal[0, 1] = Field(
        default=1,
        description="QoS of the subscription; 1 loses nothing. QoS 2 is not offered: its acknowledgement "
        "comes before the message is stored",
    )
    keepalive: int = Field(
        default=30, ge=1, le=65535, description="seconds; a dead connection is noticed after at most twice as long"
    )
    session_expiry: int = Field(
        default=14 * DAY_SECONDS,
        ge=0,
        le=FOREVER,
        description="seconds for which an MQTT 5 broker keeps our session and queue while we are away; 4294967295 is "
        "for ever. With MQTT 3.1.1 the broker alone decides",
    )
    receive_maximum: int = Field(
        default=8192,
        ge=1,
        le=65535,
        description="messages that an MQTT 5 broker may send before our first acknowledgement; with MQTT 3.1.1 "
        "Mosquitto's `max_inflight_messages` says it",
    )
    shared_group: str | None = Field(
        default=None, pattern=r"^[^/+#\x00]+$", description="group of a shared subscription. " + SHARED_GROUP_WARNING
    )
    canary: CanarySettings = Field(default=CanarySettings(), description="the proof that the subscription delivers")
    silence_minutes: float | None = Field(
        default=None,
        gt=0,
        description="report a source without any message for this long; default: 60 where no canary is published, "
        "else off",
    )
    max_buffered_messages: int = Field(
        default=10_000, ge=2, description="messages waiting for the database at which the broker is read no more"
    )
    max_buffered_bytes: int = Field(default=32 * 2**20, ge=2**16, description="the same in bytes of topic and payload")
    max_packet_bytes: int = Field(
        default=16 * 2**20,
        ge=2**16,
        le=2**28,
        description="largest MQTT 5 packet that we take; the broker drops larger ones",
    )
    max_batch: int = Field(default=2_000, ge=1, description="messages that one database transaction takes at most")

    @field_validator("topics")
    @classmethod
    def _topics_are_filters(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            _check_filter(topic)
        return topics

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file: give one of them")
        if (self.password or self.password_file) and self.username is None:
            raise ValueError("a password needs a username")
        if self.transport == "mqtt5" and self.format == "thethings":
            raise ValueError("transport: The Things Stack speaks MQTT 3.1.1 only; use `paho` or `auto`")
        return self

    @property
    def speaks_mqtt5(self) -> bool:
        """Whether the connection will be MQTT 5."""
        return self.resolved_transport == "mqtt5" or self.mqtt_version == "5"

    @property
    def resolved_transport(self) -> Literal["mqtt5", "paho"]:
        """The transport that `auto` stands for."""
        if self.transport != "auto":
            return self.transport
        return "mqtt5" if self.format == "chirpstack" else "paho"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but can lose messages, one sentence each."""
        found = [SHARED_GROUP_WARNING] if self.shared_group is not None else []
        if self.qos == 0:
            found.append("qos: 0 loses every message of the time in which we are not connected")
        if self.speaks_mqtt5 and self.session_expiry == 0:
            found.append("session_expiry: with 0 the broker forgets us, and what it queued, when the connection ends")
        return tuple(found)

    def read_password(self) -> str | None:
        """The password, from its file when one is configured.

        Raises:
            OSError: the file cannot be read, or is not text.
        """
        if self.password_file is not None:
            try:
                return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise OSError(errno.EINVAL, "is not UTF-8 text", str(self.password_file)) from None
        return self.password.get_secret_value() if self.password is not None else None


def _check_filter(topic: str) -> None:
    levels = topic.split("/")
    if not topic or "\0" in topic or len(topic.encode()) > 65535:
        raise ValueError("a topic filter has 1 to 65535 bytes and no NUL")
    if topic.startswith("$share/"):
        raise ValueError(f"{topic}: give the group in shared_group, and the filter without $share")
    if any(set(level) & set("+#") and len(level) > 1 for level in levels):
        raise ValueError(f"{topic}: + and # stand alone between slashes")
    if "#" in levels[:-1]:
        raise ValueError(f"{topic}: # stands at the end only")
