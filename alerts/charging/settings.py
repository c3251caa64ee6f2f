"""Settings of the charge points' sources: operators over OCPI, DATEX II feeds, MQTT and webhook messages."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from alerts.charging.status import RECHECK
from alerts.connection_settings import BrokerSettings, CertificateSettings

TOKEN_CHARACTERS = 64
"""Longest token that OCPI allows."""
MIN_TOKEN_CHARACTERS = 16

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True)]
PartyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{3}$", to_upper=True)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Source(_Settings):
    evse_ids: dict[str, str] = Field(
        default_factory=dict,
        description="EVSE-ID by the id that the source uses instead (an OCPI uid, a station's id in a feed)",
    )


class _Polled(_Source):
    """A source that is asked."""

    poll_seconds: float = Field(
        default=300,
        ge=1,
        le=3600,
        description="time between two polls, varied by a tenth; 60 where the operator agrees",
    )
    timeout_seconds: float = Field(default=30, gt=0, le=300, description="how long one request may take in all")
    max_mb: float = Field(default=32, gt=0, le=1024, description="largest answer, unpacked")
    tls: CertificateSettings = Field(default=CertificateSettings(), description="certificates of the connection")
    allow_hosts: tuple[str, ...] = Field(
        default=(), description="host names that may be in the own network and may use plain http"
    )

    @property
    def max_bytes(self) -> int:
        """The largest answer in bytes."""
        return int(self.max_mb * 2**20)


class OcpiSettings(_Polled):
    """One charge-point operator that speaks OCPI 2.2.1 or 2.3.0."""

    versions_url: str = Field(description="the operator's versions endpoint, such as https://cpo.example/ocpi/versions")
    token_file: Path | None = Field(
        default=None,
        description="file with the token (CREDENTIALS_TOKEN_A) that the operator gave us; we register with it",
    )
    registration_token_file: Path | None = Field(
        default=None,
        description="file with the token that we gave the operator, where the operator registers with us; it opens "
        "versions and credentials only",
    )
    raw_token: bool = Field(
        default=False, description="send tokens as they are, for operators that do not decode base64 (2.1.1, 2.2)"
    )
    also_hosts: tuple[str, ...] = Field(
        default=(), description="further host names that the operator's answers may send us to"
    )
    full_at_hour: int = Field(default=3, ge=0, le=23, description="hour, local time, of the nightly full pull")

    @field_validator("versions_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        return _checked_url(url)

    @model_validator(mode="after")
    def _one_way_to_register(self) -> Self:
        if self.token_file is None and self.registration_token_file is None:
            raise ValueError("give token_file (we register) or registration_token_file (the operator registers)")
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """Hosts that requests to this operator may go to."""
        return frozenset({urlsplit(self.versions_url).hostname or "", *self.also_hosts})

    def read_token(self) -> SecretStr | None:
        """CREDENTIALS_TOKEN_A; None where the operator registers with us.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no token.
        """
        return None if self.token_file is None else _read_token(self.token_file)

    def read_registration_token(self) -> SecretStr | None:
        """The token that the operator registers with.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no token, or one that is short enough to be guessed.
        """
        path = self.registration_token_file
        return None if path is None else _read_token(path, shortest=MIN_TOKEN_CHARACTERS)


class Datex2Settings(_Polled):
    """A DATEX II feed in JSON, such as a subscription of the Mobilithek."""

    url: str = Field(description="pull URL of the dynamic data, with its subscription id")
    static_url: str | None = Field(
        default=None, description="pull URL of the static data, where the dynamic data use other ids than EVSE-IDs"
    )
    poll_seconds: float = Field(default=60, ge=1, le=3600, description="time between two polls, varied by a tenth")
    everything: bool = Field(
        default=False, description="keep all charge points of the feed; else only those that are known already"
    )
    max_messages: int = Field(default=200, ge=1, description="messages that one catch-up takes at most")

    @field_validator("url", "static_url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        return None if url is None else _checked_url(url)


class MessagesSettings(_Source):
    """What messages of a source may say; MQTT and webhooks have this in common."""

    everything: bool = Field(
        default=True, description="take charge points that nobody named; else only those that are known already"
    )


class MqttSettings(BrokerSettings, MessagesSettings):
    """Status messages from a broker, JSON `{"evse_id", "status", "ts"}`, subscribed at QoS 1."""

    tls: CertificateSettings | None = Field(default=None, description="encrypt the connection; none on loopback only")
    topic: str = Field(default="charging/+/status", min_length=1, description="topic filter of the messages")
    client_id: str = Field(default="stadtfunk-charging", min_length=1, description="fixed id, no other client's")
    mqtt_version: Literal["3.1.1", "5"] = Field(default="5", description="the protocol to speak")
    keepalive: int = Field(default=30, ge=1, le=65535, description="seconds between signs of life")


class StatusWebhookSettings(MessagesSettings):
    """Status messages posted to `/charging/<name>`, JSON `{"evse_id", "status", "ts"}` or a list of them."""

    token_file: Path = Field(
        description="file with the sender's token, at least 16 characters (`Bearer` in the header)"
    )

    def read_token(self) -> SecretStr:
        """The sender's token.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no token, or one that is short enough to be guessed.
        """
        return _read_token(self.token_file, shortest=MIN_TOKEN_CHARACTERS)


class PartySettings(_Settings):
    """Who we are for operators."""

    country_code: CountryCode = Field(default="DE", description="two letters")
    party_id: PartyId = Field(default="STF", description="three characters, agreed with the operator")
    role: Literal["NSP", "OTHER"] = Field(
        default="NSP", description="`NSP`, interested in locations only, or `OTHER`; hubs push to both"
    )
    name: str = Field(
        default="Stadtfunk", min_length=1, max_length=100, description="our name in the operator's system"
    )


class ChargingSettings(_Settings):
    """Charge points: where their statuses come from. Each source has a name of its own, whatever its kind."""

    ocpi: dict[SourceName, OcpiSettings] = Field(default_factory=dict, description="operators over OCPI, by name")
    datex2: dict[SourceName, Datex2Settings] = Field(default_factory=dict, description="DATEX II feeds, by name")
    mqtt: dict[SourceName, MqttSettings] = Field(default_factory=dict, description="brokers with statuses, by name")
    webhooks: dict[SourceName, StatusWebhookSettings] = Field(
        default_factory=dict, description="senders that post statuses to `/charging/<name>`, by name"
    )
    party: PartySettings = Field(default=PartySettings(), description="who we are for operators over OCPI")
    public_url: str = Field(
        default="",
        description="URL under which operators reach this portal, without a path, such as https://stadtfunk.example; "
        "needed for pushes over OCPI",
    )
    state_dir: Path = Field(
        default=Path("var/charging"), description="folder for the tokens of OCPI handshakes, files of mode 0600"
    )

    @field_validator("public_url")
    @classmethod
    def _public_url_is_http(cls, url: str) -> str:
        return _checked_url(url).rstrip("/") if url else ""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        repeated = sorted(name for name, count in Counter(self.names).items() if count > 1)
        if repeated:
            raise ValueError(f"several sources are named {', '.join(repeated)}; each needs a name of its own")
        if RECHECK in self.names:
            raise ValueError(f"no source may be named {RECHECK}: that is what a status is from that we asked for")
        if self.ocpi and not self.public_url:
            raise ValueError("public_url: operators need it to reach us over OCPI")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all sources."""
        return (*self.ocpi, *self.datex2, *self.mqtt, *self.webhooks)


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL with https:// and a host")
    return url


def _read_token(path: Path, *, shortest: int = 1) -> SecretStr:
    token = path.read_text(encoding="utf-8").strip()
    if not shortest <= len(token) <= TOKEN_CHARACTERS or not all("!" <= character <= "~" for character in token):
        raise ValueError(f"{path}: expected a token of {shortest} to {TOKEN_CHARACTERS} printable ASCII characters")
    return SecretStr(token)
