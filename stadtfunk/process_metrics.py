"""Metrics that every process of Stadtfunk has, whatever part it runs: version, event loop, readiness, memory, files.

States are read at scrape time; what cannot be read is absent rather than wrong.
"""

import asyncio
import logging
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily

from ingest.histogram import BulkHistogram
from portal.health import Health
from stadtfunk.certificates import CertificateFile

log = logging.getLogger(__name__)

LOOP_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LOOP_PERIOD_SECONDS: Final = 1.0
CONTROL_GROUPS: Final = Path("/sys/fs/cgroup")
OWN_GROUP: Final = Path("/proc/self/cgroup")


class ProcessMetrics:
    """What one process tells about itself.

    Args:
        registry: where they are registered; one `ProcessMetrics` per registry.
        version: the program's version, shown in `stadtfunk_build_info`.
        health: its checks become `stadtfunk_check_up`.
        certificates: files whose end is shown.
        folders: by name, folders whose disk is shown.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        version: str,
        health: Health,
        certificates: Sequence[CertificateFile] = (),
        folders: Mapping[str, Path] | None = None,
    ) -> None:
        # A second series for each counter, of which Prometheus makes nothing.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        build = Gauge("stadtfunk_build_info", "Version of the program.", ["version", "python"], registry=registry)
        build.labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.event_loop_lag_seconds = BulkHistogram(
            "stadtfunk_event_loop_lag_seconds",
            "Delay of a timer that is due every second.",
            LOOP_BUCKETS,
            registry=registry,
        )
        self._health = health
        self._certificates = certificates
        self._folders = dict(folders or {})
        registry.register(self)

    async def watch_event_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOP_PERIOD_SECONDS
            await asyncio.sleep(LOOP_PERIOD_SECONDS)
            self.event_loop_lag_seconds.observe(max(0.0, clock() - due))

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The families without samples, so that the registry knows their names."""
        return iter(_families())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families with what is known now."""
        checks, certificates, free, size, memory = families = _families()
        for check in self._health.checks():
            name, _, source = check.name.partition(":")
            checks.add_metric([name, source], float(check.ok))
        for file in self._certificates:
            if (ends_at := _end_of(file)) is not None:
                certificates.add_metric([file.setting], ends_at)
        for name, folder in self._folders.items():
            if folder.exists():
                disk = shutil.disk_usage(folder)
                free.add_metric([name], disk.free)
                size.add_metric([name], disk.total)
        if (limit := memory_limit()) is not None:
            memory.add_metric([], limit)
        return iter(families)


def memory_limit(own_group: Path = OWN_GROUP, control_groups: Path = CONTROL_GROUPS) -> int | None:
    """Bytes of memory that the container or the systemd unit may use; None without a limit."""
    try:
        group = own_group.read_text().splitlines()[-1].partition("::")[2]
        limit = (control_groups / group.lstrip("/") / "memory.max").read_text().strip()
    except (OSError, IndexError):
        return None  # no control groups of version 2 here
    return int(limit) if limit.isdigit() else None


def _end_of(file: CertificateFile) -> float | None:
    try:
        ends_at = file.expires_at()
    except (OSError, ValueError) as error:
        log.warning("certificate_unreadable setting=%s error=%s", file.setting, type(error).__name__)
        return 0.0  # as good as over: whoever needs it cannot use it
    return None if ends_at is None else ends_at.timestamp()


def _families() -> tuple[GaugeMetricFamily, ...]:
    return (
        GaugeMetricFamily(
            "stadtfunk_check_up",
            "1 while a check of readiness passes; `/readyz` tells why one does not.",
            labels=["check", "source"],
        ),
        GaugeMetricFamily(
            "stadtfunk_certificate_expiry_timestamp_seconds",
            "Unix time at which a certificate or revocation list of the settings ends; 0 when it cannot be read.",
            labels=["setting"],
        ),
        GaugeMetricFamily(
            "stadtfunk_disk_free_bytes", "Free space on the disk of a folder of ours.", labels=["folder"]
        ),
        GaugeMetricFamily("stadtfunk_disk_size_bytes", "Size of the disk of a folder of ours.", labels=["folder"]),
        GaugeMetricFamily(
            "stadtfunk_memory_limit_bytes",
            "Memory that the container or the systemd unit may use; absent without a limit.",
        ),
    )
