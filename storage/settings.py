"""Settings of the database: where it is, how it is reached, how long anything may take, how long data are kept."""

from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, model_validator

EMBEDDED = "embedded"


class Timeouts(BaseModel):
    """How long the database may take, in seconds. Every wait ends: by the server, by the network or by us."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connect: float = Field(5, gt=0, le=3600, description="seconds until a connection must stand")
    statement: float = Field(10, gt=0, le=3600, description="seconds that one statement may run on the server")
    lock: float = Field(3, gt=0, le=3600, description="seconds that a statement may wait for a lock")
    idle_in_transaction: float = Field(
        15, gt=0, le=3600, description="seconds after which the server ends an idle transaction"
    )
    tcp_user: float = Field(5, gt=0, le=3600, description="seconds after which unacknowledged data fail the connection")
    keepalive_idle: int = Field(5, ge=1, le=3600, description="seconds of silence before the first keepalive probe")
    keepalive_interval: int = Field(2, ge=1, le=3600, description="seconds between keepalive probes")
    keepalive_count: int = Field(3, ge=1, le=100, description="unanswered probes after which the connection is dead")
    outer: float = Field(
        20, gt=0, le=3600, description="seconds after which we give a transaction up, whatever the server says"
    )


class DatabaseSettings(BaseModel):
    """One PostgreSQL or TimescaleDB, version 15 or later."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    dsn: str = Field(
        EMBEDDED,
        repr=False,  # may hold a password
        description="connection string or URL of PostgreSQL; `embedded` runs one in `data_dir`",
    )
    data_dir: Path = Field(Path("var/database"), description="folder of the embedded server's data, kept for ever")
    password_file: Path | None = Field(None, description="file with the database password on its first line")
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None, description="TLS to the database; `verify-full` checks certificate and host name"
    )
    sslrootcert: Path | None = Field(None, description="file with the certificates of the authorities to trust")
    sslcert: Path | None = Field(None, description="file with our client certificate")
    sslkey: Path | None = Field(None, description="file with the key of our client certificate (mode 0600)")
    use_roles: bool = Field(
        True, description="take the least-privileged role for each task (SET ROLE); off: keep the login's own rights"
    )
    timescale: Literal["auto", "off"] = Field(
        "auto", description="`auto` uses TimescaleDB where the server has it; decided once, at the first migrate"
    )
    timeouts: Timeouts = Field(default_factory=Timeouts, description="how long the database may take")

    @model_validator(mode="after")
    def _check_dsn(self) -> Self:
        if self.embedded:
            return self
        try:
            conninfo_to_dict(self.dsn)
        except ProgrammingError:
            raise ValueError("dsn: expected `embedded`, postgresql://user@host/database or key=value pairs") from None
        return self

    @property
    def embedded(self) -> bool:
        """True when Stadtfunk runs the database itself."""
        return self.dsn == EMBEDDED


class RetentionSettings(BaseModel):
    """How long data are kept, in days; null keeps for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    payload_public: int | None = Field(365, ge=1, description="days that raw payloads of public devices are kept")
    payload_household: int = Field(14, ge=1, le=31, description="days that raw payloads of household meters are kept")
    rejected: int = Field(30, ge=1, le=365, description="days that rejected messages are kept")
    uplink: int | None = Field(730, ge=1, description="days that uplinks (without payload) are kept")
    reception: int | None = Field(180, ge=1, description="days that gateway receptions are kept")
    device_event: int | None = Field(365, ge=1, description="days that joins, status and logs are kept")
    gateway_stats: int | None = Field(730, ge=1, description="days that gateway statistics are kept")
    readings: int | None = Field(None, ge=1, description="days that readings of public devices are kept")
    readings_household: int | None = Field(1095, ge=1, description="days that readings of household meters are kept")
    rollups: int | None = Field(None, ge=1, description="days that hourly values of public devices are kept")
    rollups_household: int | None = Field(
        1095, ge=1, description="days that hourly and daily values of household meters are kept"
    )
    bay_events: int | None = Field(
        90, ge=32, description="days that bays' messages and charge points' statuses are kept; then counts per month"
    )
    cases: int | None = Field(
        365, ge=32, description="days that closed alerts are kept with all their evidence; then counts per month"
    )
    names: int = Field(
        365, ge=1, le=3650, description="days that the log says who did something with an alert or in the portal"
    )
    redecode: int = Field(90, ge=1, description="days for which a re-decoding can be undone")
    compress_after: int = Field(
        7, ge=1, description="days after which TimescaleDB compresses (late data beyond cost more)"
    )

    def span(self, name: str) -> timedelta | None:
        """The span of setting `name`; None for ever."""
        days: int | None = getattr(self, name)
        return None if days is None else timedelta(days=days)
