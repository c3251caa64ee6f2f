"""Settings of connections that leave us: whom we trust, who we are, and how an MQTT broker is reached."""

import ssl
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TlsSettings(_Settings):
    """Certificates of a connection."""

    ca_file: Path | None = Field(default=None, description="PEM file of the CA to trust; the system's CAs without it")

    def context(self) -> ssl.SSLContext:
        """The TLS context.

        Raises:
            OSError: a file is missing or is not what its setting says (`ssl.SSLError` is one).
        """
        _must_open(self.ca_file)
        context = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


class CertificateSettings(TlsSettings):
    """Certificates of a connection: whom we trust, and who we are."""

    cert_file: Path | None = Field(default=None, description="our client certificate (PEM), with `key_file`")
    key_file: Path | None = Field(
        default=None, description="the private key of `cert_file` (PEM, without a password, mode 0600)"
    )

    @model_validator(mode="after")
    def _certificate_needs_its_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: give both or none")
        return self

    def context(self) -> ssl.SSLContext:
        """The TLS context with our certificate. Raises like that of `TlsSettings`."""
        context = super().context()
        _must_open(self.cert_file, self.key_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class BrokerSettings(_Settings):
    """How a broker is reached, and as whom."""

    host: str = Field(default="localhost", min_length=1, description="the broker's host name or address")
    tls: TlsSettings | None = Field(default=None, description="encrypt the connection; none on loopback only")
    port: int = Field(  # its default sees only fields that stand before it
        default_factory=lambda data: 1883 if data.get("tls") is None else 8883,
        ge=1,
        le=65535,
        description="the broker's port; default 8883 with tls, else 1883",
    )
    username: str | None = Field(default=None, description="user name at the broker")
    password_file: Path | None = Field(default=None, description="file that holds the user's password")

    def read_password(self) -> SecretStr | None:
        """The password; None without a file.

        Raises:
            OSError: the file cannot be read.
        """
        return read_secret(self.password_file)


def read_secret(path: Path | None) -> SecretStr | None:
    """What a file holds, without the end of its line; None without a file.

    Raises:
        OSError: the file cannot be read.
    """
    return None if path is None else SecretStr(path.read_text(encoding="utf-8").rstrip("\r\n"))


def _must_open(*paths: Path | None) -> None:
    """The error of opening a file names it, those of the ssl module do not."""
    for path in paths:
        if path is not None:
            path.open("rb").close()
