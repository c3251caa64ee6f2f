"""What `stadtfunk status` knows: the running service's own word over HTTP, and what the database holds.

Either may be missing; the status then says so and shows the rest.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from psycopg.errors import UndefinedTable

from config.settings import Settings
from portal.settings import HttpSettings
from storage.database import Role, connect, describe
from storage.failures import Fatal, Retryable
from storage.overview import Overview, overview

HTTP_SECONDS: Final = 3.0
RATE_SECONDS: Final = 1.0
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared with, not bound to)

Samples = Mapping[tuple[str, str], float]
"""Metric values by name and by the label that tells them apart: source, kind, codec or bucket."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source as the running service sees it."""

    connected: bool
    subscribed: bool
    paused: bool
    lossy: bool
    received: int
    reconnects: int
    sessions_lost: int
    buffered: int


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The running service. `lag` is estimated from the histogram since its start; None before the first uplink.

    `codecs_quarantined` are vendors' codecs that overran too often in a row and are not run for a while.
    """

    ready: bool
    checks: Sequence[Mapping[str, object]]
    sources: Mapping[str, SourceStatus]
    uplinks_per_second: float
    readings_per_second: float
    lag_p50_seconds: float | None
    lag_p99_seconds: float | None
    oldest_unstored_seconds: float
    spool_messages: int
    spool_bytes: int
    spool_oldest_seconds: float
    codecs_quarantined: Sequence[str]


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at one moment; `service` or `database` is None when it cannot be reached."""

    url: str
    service: ServiceStatus | None
    where: str
    database: Overview | None
    database_error: str = ""
    warnings: Sequence[str] = field(default=())

    def as_object(self) -> dict[str, object]:
        """Plain JSON values; `kinds` is always there and empty without a database."""
        database = None if self.database is None else asdict(self.database)
        return {
            "service": {"url": self.url, "reachable": self.service is not None}
            | ({} if self.service is None else asdict(self.service)),
            "database": {"where": self.where, "reachable": database is not None, "error": self.database_error},
            "devices": None if database is None else database["devices"],
            "sources": {} if database is None else database["sources"],
            "kinds": {} if database is None else database["kinds"],
            "rejected": {} if database is None else database["rejected"],
            "warnings": list(self.warnings),
        }


async def gather(settings: Settings) -> Status:
    """Ask service and database side by side."""
    url = base_url(settings.http)
    async with asyncio.TaskGroup() as tasks:
        service = tasks.create_task(_service(url))
        database = tasks.create_task(_database(settings))
    found, error = database.result()
    return Status(url, service.result(), describe(settings.database), found, error, settings.warnings)


def base_url(settings: HttpSettings) -> str:
    """Where the service of these settings listens."""
    host = _ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def samples(exposition: str) -> Samples:
    """The values of an exposition."""
    values: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            label = next(
                (sample.labels[name] for name in ("le", "kind", "source", "codec") if name in sample.labels), ""
            )
            key = (sample.name, label)
            values[key] = values.get(key, 0.0) + sample.value
    return values


def quantile(values: Samples, histogram: str, share: float) -> float | None:
    """The value below which `share` of a histogram lies, by interpolation inside its bucket; None when it is empty.

    In the last, open bucket it is the last bound: no more is known.
    """
    buckets = sorted((float(le), count) for (name, le), count in values.items() if name == f"{histogram}_bucket")
    if not buckets or not buckets[-1][1]:
        return None
    wanted = share * buckets[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower


async def _database(settings: Settings) -> tuple[Overview | None, str]:
    try:
        connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk status")
        async with connection:
            return await overview(connection), ""
    except (Retryable, Fatal) as error:
        return None, str(error)
    except UndefinedTable:
        return None, "the tables are missing: run `stadtfunk migrate`"


async def _service(url: str) -> ServiceStatus | None:
    """Two looks at the metrics, a second apart, give the rates."""
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=HTTP_SECONDS, trust_env=False) as client:
            before = samples((await client.get("/metrics")).text)
            started = asyncio.get_running_loop().time()
            await asyncio.sleep(RATE_SECONDS)
            now = samples((await client.get("/metrics")).text)
            seconds = asyncio.get_running_loop().time() - started
            readiness = (await client.get("/readyz")).json()
    except (httpx2.HTTPError, ValueError):
        return None
    if not any(name == "stadtfunk_build_info" for name, _ in now):
        return None  # somebody else listens there
    return service_status(readiness, before, now, seconds)


def service_status(readiness: Mapping[str, object], before: Samples, now: Samples, seconds: float) -> ServiceStatus:
    """The status from the service's readiness and two looks at its metrics."""
    checks = readiness.get("checks")
    return ServiceStatus(
        ready=readiness.get("ready") is True,
        checks=checks if isinstance(checks, list) else [],
        sources={source: _source(now, source) for name, source in now if name == "stadtfunk_source_connected"},
        uplinks_per_second=(_total(now, "stored_uplinks") - _total(before, "stored_uplinks")) / seconds,
        readings_per_second=(_total(now, "stored_readings") - _total(before, "stored_readings")) / seconds,
        lag_p50_seconds=quantile(now, "stadtfunk_commit_lag_seconds", 0.5),
        lag_p99_seconds=quantile(now, "stadtfunk_commit_lag_seconds", 0.99),
        oldest_unstored_seconds=now.get(("stadtfunk_unstored_oldest_seconds", ""), 0.0),
        spool_messages=int(now.get(("stadtfunk_spool_messages", ""), 0)),
        spool_bytes=int(now.get(("stadtfunk_spool_bytes", ""), 0)),
        spool_oldest_seconds=now.get(("stadtfunk_spool_oldest_seconds", ""), 0.0),
        codecs_quarantined=[
            codec for (name, codec), value in now.items() if name == "stadtfunk_codec_quarantined" and value
        ],
    )


def _total(values: Samples, name: str) -> float:
    return sum(value for (sample, _), value in values.items() if sample == f"stadtfunk_{name}_total")


def _source(values: Samples, source: str) -> SourceStatus:
    def value(name: str) -> float:
        return values.get((f"stadtfunk_{name}", source), 0.0)

    return SourceStatus(
        connected=bool(value("source_connected")),
        subscribed=bool(value("source_subscribed")),
        paused=bool(value("source_paused")),
        lossy=bool(value("source_lossy")),
        received=int(value("received_messages_total")),
        reconnects=int(value("source_reconnects_total")),
        sessions_lost=int(value("source_sessions_lost_total")),
        buffered=int(value("source_buffered_messages")),
    )
