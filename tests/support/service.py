"""Stadtfunk as a process of its own: started from a configuration file, asked over HTTP, hurt by its process id."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self

import httpx2
import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.support.mosquitto import free_port

READY_SECONDS = 30.0
"""Deadline of waiting, not a promise: the machine may be busy with other tests."""
END_SECONDS = 30.0
POLL_SECONDS = 0.05
PROGRAM = (sys.executable, "-c", "from stadtfunk.cli import main; main()")
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", ""),
    "PYTHONPATH": str(Path(__file__).parents[2]),  # the program beside these tests, wherever else one is installed
    "STADTFUNK_LANG": "en",
}

Settings = Mapping[str, object]


class Metrics:
    """One scrape of `/metrics`."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        self.text = text

    def __getitem__(self, name: str) -> float:
        """The sum of `stadtfunk_<name>` over all labels.

        Raises:
            KeyError: there is no such sample; a metric that was renamed must not read as 0.
        """
        return self.value(name)

    def value(self, name: str, **labels: str) -> float:
        """The sum over the samples that carry `labels`."""
        found = [sample.value for sample in self._matching(f"stadtfunk_{name}", labels)]
        if not found:
            raise KeyError(f"no sample of stadtfunk_{name} with {labels}")
        return sum(found)

    def buckets(self, name: str) -> dict[float, float]:
        """Upper bound → observations up to it, of the histogram `stadtfunk_<name>`."""
        return {float(sample.labels["le"]): sample.value for sample in self._matching(f"stadtfunk_{name}_bucket", {})}

    def _matching(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        for sample in self._samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample


def quantile(share: float, before: Metrics, after: Metrics, name: str) -> float:
    """The upper bound of the bucket in which `share` of the observations between two scrapes lie; 0 without any."""
    counted = {bound: count - before.buckets(name)[bound] for bound, count in after.buckets(name).items()}
    total = counted[float("inf")]
    return next((bound for bound, count in counted.items() if total and count >= share * total), 0.0)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What `/readyz` answered: whether the service is ready, and each check's sentence."""

    ready: bool
    checks: dict[str, tuple[bool, str]]

    def detail(self, check: str) -> str:
        """The sentence of a check that fails; empty while it passes."""
        ok, detail = self.checks[check]
        return "" if ok else detail or "?"


class Service:
    """One Stadtfunk in a folder of its own; restarts keep configuration, spool, port and logs.

    Args:
        folder: for configuration, spool, `stdout` and `stderr`.
        dsn: the database.
        sources: settings of each source as in the file; what is not given has the program's default.
        settings: further sections of the file; keys of a section given here replace those made here.
        environment: variables besides the minimum of a process.
        only: the part to run; empty: everything.
    """

    def __init__(
        self,
        folder: Path,
        dsn: str,
        sources: Sequence[Settings],
        *,
        settings: Mapping[str, Settings] | None = None,
        environment: Mapping[str, str] | None = None,
        only: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.file = folder / "stadtfunk.yaml"
        self._environment = {**ENVIRONMENT, **(environment or {})}
        self._only = ["--only", only] if only else []
        self._process: subprocess.Popen[bytes] | None = None
        sections: dict[str, Settings] = {
            "database": {"dsn": dsn},
            "spool": {"path": str(folder / "spool.sqlite")},
            "http": {"port": self.port},
        }
        given = {name: {**sections.get(name, {}), **section} for name, section in (settings or {}).items()}
        self.configure({"sources": [dict(source) for source in sources], **sections, **given})

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process id of the running service."""
        assert self._process is not None, "the service was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def configure(self, values: Mapping[str, object]) -> None:
        """Write the configuration file; used at the next start or reload."""
        self.configuration = dict(values)
        self.file.write_text(yaml.safe_dump(self.configuration))

    def start(self, *, fault: str = "") -> None:
        """Start the process; `fault` is a point at which it dies, e.g. `after_commit:3`."""
        assert not self.running, "the service is running already"
        environment = self._environment | ({"STADTFUNK_FAULT": fault} if fault else {})
        with (self.folder / "stdout").open("ab") as stdout, (self.folder / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(
                [*PROGRAM, "run", "-c", str(self.file), *self._only],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )

    async def ready(self, within: float = READY_SECONDS) -> float:
        """Wait until `/readyz` says 200; returns the seconds that it took from this call.

        Raises:
            AssertionError: it ended or was not ready in time; with its last words.
        """
        started = monotonic()
        while True:
            found = await self.readiness()
            if found is not None and found.ready:
                return monotonic() - started
            assert self.running, f"the service ended with {self._exit_code()}:\n{self.log()[-2000:]}"
            waited = monotonic() - started
            assert waited < within, f"not ready after {waited:.1f} s: {found}\n{self.log()[-2000:]}"
            await asyncio.sleep(POLL_SECONDS)

    async def readiness(self) -> Readiness | None:
        """The answer of `/readyz`; None while nobody answers."""
        try:
            answer = (await self._get("/readyz")).json()
        except (httpx2.HTTPError, OSError):
            return None
        return Readiness(answer["ready"], {one["name"]: (one["ok"], one["detail"]) for one in answer["checks"]})

    async def failing(self, check: str, within: float = READY_SECONDS) -> str:
        """Wait until `check` of `/readyz` fails with a sentence; returns it."""
        deadline = monotonic() + within
        while True:
            found = await self.readiness()
            if found is not None and (detail := found.detail(check)):
                return detail
            assert monotonic() < deadline, f"{check} did not fail within {within:.0f} s: {found}\n{self.log()[-2000:]}"
            await asyncio.sleep(POLL_SECONDS)

    async def metrics(self) -> Metrics:
        """A scrape of `/metrics`."""
        return Metrics((await self._get("/metrics")).text)

    async def _get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            return await client.get(f"http://127.0.0.1:{self.port}{path}")

    def rss_mb(self) -> float:
        """Resident memory of the process in MB."""
        return float(psutil.Process(self.pid).memory_info().rss / 1e6)

    def forget_peak(self) -> None:
        """Begin a new measurement of the peak of resident memory."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Highest resident memory since `forget_peak`, in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return int(kib) * 1024 / 1e6

    def limit_file_size(self, size: int | None) -> None:
        """No file of the process may grow beyond `size` bytes any more (None: without limit), as on a full disk."""
        _, hard = psutil.Process(self.pid).rlimit(psutil.RLIMIT_FSIZE)
        psutil.Process(self.pid).rlimit(psutil.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def terminate(self) -> None:
        """SIGTERM: the orderly end."""
        self.send(signal.SIGTERM)

    def reload(self) -> None:
        """SIGHUP: read the configuration again."""
        self.send(signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL for the process and all of its children; returns when it is gone."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(END_SECONDS)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    async def exit_code(self, within: float = END_SECONDS) -> int:
        """Wait for the end of the process; returns its exit code."""
        deadline = monotonic() + within
        while self.running:
            assert monotonic() < deadline, f"still running after {within:.0f} s:\n{self.log()[-2000:]}"
            await asyncio.sleep(0.01)
        return self._exit_code()

    def _exit_code(self) -> int:
        assert self._process is not None
        code = self._process.poll()
        assert code is not None
        return code

    def log(self) -> str:
        """Everything that it wrote so far, over all starts."""
        return "".join(
            (self.folder / name).read_text(errors="replace")
            for name in ("stdout", "stderr")
            if (self.folder / name).exists()
        )


def run_command(
    arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program to its end, in English."""
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=cwd,
        env={**ENVIRONMENT, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
