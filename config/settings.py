"""`Settings`: the settings models that each room owns, composed into the one tree of the configuration file."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from alerts.charging.settings import ChargingSettings
from alerts.report.settings import ReportSettings
from alerts.settings import AlertSettings
from config.logging import LoggingSettings
from decoders.codec_settings import DECODER_NAME, CodecSettings
from decoders.codecs import CodecFolder
from decoders.keys import NO_KEYS, KeyRing, load_keys
from decoders.settings import MappingSettings
from decoders.table_settings import TableSettings
from ingest.settings import SourceSettings
from portal.settings import HttpSettings
from portal.site_settings import PortalSettings
from storage.settings import DatabaseSettings, RetentionSettings
from storage.spool import SpoolSettings

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class HeartbeatSettings(BaseModel):
    """A dead-man's switch: as long as Stadtfunk is ready, it calls this URL; when the calls end, somebody is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr | None = Field(default=None, description="https URL to call while all is well; none: no heartbeat")
    url_file: Path | None = Field(default=None, description="file that holds the URL; instead of `url`")
    interval_seconds: float = Field(default=60, ge=5, le=3600, description="time between two calls")
    timeout_seconds: float = Field(default=10, gt=0, le=60, description="how long one call may take in all")
    allow_hosts: tuple[str, ...] = Field(
        default=(), description="host names of receivers that may be in the own network and may use plain http"
    )

    @model_validator(mode="after")
    def _one_safe_url(self) -> Self:
        if self.url is not None and self.url_file is not None:
            raise ValueError("url and url_file: give one of them")
        if self.url is not None:
            self._check(self.url.get_secret_value())
        return self

    def read_url(self) -> SecretStr | None:
        """The URL, from its file when one is configured.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no URL that may be called.
        """
        if self.url_file is None:
            return self.url
        url = self.url_file.read_text(encoding="utf-8").strip()
        self._check(url)
        return SecretStr(url)

    def _check(self, url: str) -> None:
        """Raise ValueError, without the URL in its text, unless `url` is https or its host is allowed."""
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise ValueError("the heartbeat needs a URL that begins with https://")
        if parts.scheme != "https" and parts.hostname not in self.allow_hosts:
            raise ValueError("the heartbeat's URL must begin with https:// unless its host is in allow_hosts")


def _dsn_alone(value: object) -> object:
    """`database: embedded` stands for `database: {dsn: embedded}`."""
    return {"dsn": value} if isinstance(value, str) else value


class Settings(BaseModel):
    """Everything that can be configured."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sources: tuple[SourceSettings, ...] = Field(
        default=(), description="where uplinks come from, one entry per broker or TTS application"
    )
    database: Annotated[DatabaseSettings, BeforeValidator(_dsn_alone)] = Field(
        default_factory=DatabaseSettings, description="where everything is stored; a text alone is its `dsn`"
    )
    spool: SpoolSettings = Field(
        default_factory=SpoolSettings, description="where messages wait while the database is away"
    )
    retention: RetentionSettings = Field(default_factory=RetentionSettings, description="how long data are kept")
    mapping: MappingSettings = Field(
        default_factory=MappingSettings, description="which device is decoded by which decoder"
    )
    decoder_folders: tuple[Path, ...] = Field(default=(), description="folders with decoder files of your own")
    tables: dict[Annotated[str, Field(pattern=DECODER_NAME)], TableSettings] = Field(
        default_factory=dict, description="decoders without Python: field tables, by the name of the decoder"
    )
    meter_keys_file: Path | None = Field(
        default=None,
        description="file with the AES keys of encrypted meters, `meter or DevEUI: 32 hex digits` a line (mode 0600)",
    )
    watch: bool = Field(
        default=True,
        description="take over changed decoders, tables and codecs when their files change; false: on SIGHUP only",
    )
    codecs_folder: Path | None = Field(
        default=None, description="folder of vendors' JavaScript codecs; default: `codecs` beside this file"
    )
    codecs: dict[Annotated[str, Field(pattern=DECODER_NAME)], CodecSettings] = Field(
        default_factory=dict, description="vendors' JavaScript codecs as decoders, by the name of the decoder"
    )
    charging: ChargingSettings = Field(
        default_factory=ChargingSettings, description="charge points: where their statuses come from"
    )
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="what is watched, and who is told")
    report: ReportSettings = Field(default_factory=ReportSettings, description="the monthly report about charging bays")
    http: HttpSettings = Field(default_factory=HttpSettings, description="health, metrics and webhooks")
    portal: PortalSettings = Field(default_factory=PortalSettings, description="the pages for people")
    heartbeat: HeartbeatSettings = Field(default_factory=HeartbeatSettings, description="dead-man's switch")
    logging: LoggingSettings = Field(default_factory=LoggingSettings, description="the log")
    city: Path | None = Field(default=None, description="city file with trees, bays, meters and gateways")

    _file: Path | None = PrivateAttr(default=None)

    @field_validator("sources")
    @classmethod
    def _sources_differ(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        names = _repeated([source.name for source in sources])
        if names:
            raise ValueError(f"several sources are named {', '.join(names)}; each needs a name of its own")
        clients = _repeated([f"{source.client_id} at {source.host}:{source.port}" for source in sources])
        if clients:
            raise ValueError(
                f"several sources use client id {', '.join(clients)}; they would end each other's connection"
            )
        return sources

    @property
    def file(self) -> Path | None:
        """The configuration file that the settings were read from."""
        return self._file

    def read_from(self, file: Path) -> Self:
        """The same settings, knowing their file."""
        settings = self.model_copy()
        settings._file = file
        return settings

    def codec_folder(self) -> CodecFolder:
        """The vendors' codecs."""
        beside = None if self.file is None else self.file.parent / "codecs"
        return CodecFolder(self.codecs_folder or beside, self.codecs)

    def read_meter_keys(self) -> KeyRing:
        """The keys of encrypted meters; an empty ring when no file is configured.

        Raises:
            OSError: the file cannot be read.
            ValueError: what is wrong with it, and in which line.
        """
        return NO_KEYS if self.meter_keys_file is None else load_keys(self.meter_keys_file)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but can lose data, one sentence each, with the setting that it is about."""
        found = [f"sources.{source.name}.{warning}" for source in self.sources for warning in source.warnings]
        if self.http.host not in _LOOPBACK:
            found.append("http.host: metrics and readiness are open to everybody who reaches this address")
        if self.portal.enabled and not (self.portal.users or self.portal.users_file or self.portal.oidc):
            found.append("portal.users: nobody can log in")
        if self.portal.enabled and self.portal.public_url is None and self.portal.host not in _LOOPBACK:
            found.append("portal.public_url: without it only this machine is answered")
        pushed = bool(self.charging.ocpi or self.charging.webhooks)
        if pushed and not self.portal.enabled:
            found.append("portal.enabled: false, and pushes over OCPI and webhooks (charging) come to the portal")
        elif self.charging.ocpi and _host(self.charging.public_url) != _host(self.portal.public_url or ""):
            found.append(
                "portal.public_url: the portal answers under its host name only, charging.public_url has another"
            )
        return tuple(found)


def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def _repeated(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]
