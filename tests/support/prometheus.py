"""A private Prometheus: Debian's program with a given configuration, folder and free port; asked over its HTTP API."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
import yaml

from tests.support.mosquitto import HOST, free_port

START_SECONDS = 60.0
"""Deadlines of waiting, not promises: the machine may be busy with other tests."""
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05


class Prometheus:
    """One server on a port of its own, which it keeps over restarts.

    Args:
        directory: for configuration, log and samples; paths in the configuration are relative to it.
        configuration: a file to run as it is, or what `prometheus.yml` shall hold.
        arguments: further flags of the program.
    """

    def __init__(
        self, directory: Path, configuration: Path | Mapping[str, object], *, arguments: Sequence[str] = ()
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log_file = directory / "prometheus.log"
        if isinstance(configuration, Path):
            self.file = configuration
        else:
            self.file = directory / "prometheus.yml"
            self.file.write_text(yaml.safe_dump(dict(configuration)))
        self._arguments = list(arguments)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # nobody needs its samples, and SIGTERM takes some seconds

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and return when it answers queries.

        Raises:
            RuntimeError: it ended or was not ready in time; the message holds its log.
        """
        assert not self.running, "Prometheus is running already"
        command = [
            prometheus_program("prometheus"),
            f"--config.file={self.file}",
            f"--storage.tsdb.path={self.directory / 'samples'}",
            f"--web.listen-address={HOST}:{self.port}",
            *self._arguments,
        ]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Prometheus did not start:\n{self.log()[-4000:]}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """SIGTERM: an orderly end; the samples are there after a start."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL by its process id; returns when it is gone."""
        self._end(signal.SIGKILL)

    def log(self) -> str:
        """Everything that the server wrote so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def query(self, expression: str, *, at: float | None = None) -> list[dict[str, Any]]:
        """The samples of an instant query, each with `metric` (its labels) and `value` ([time, text]).

        Raises:
            ValueError: Prometheus refuses the expression; with its words.
        """
        data = self.api("query", query=expression, **({} if at is None else {"time": str(at)}))
        found: list[dict[str, Any]] = data["result"] if data["resultType"] != "scalar" else [{"value": data["result"]}]
        return found

    def query_range(self, expression: str, *, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a range query, each with `metric` and `values`. Raises like `query`."""
        data = self.api("query_range", query=expression, start=str(start), end=str(end), step=str(step))
        found: list[dict[str, Any]] = data["result"]
        return found

    def api(self, endpoint: str, **parameters: str) -> Any:
        """`data` of `/api/v1/<endpoint>`: `targets`, `rules`, `alerts`, `labels` …

        Raises:
            ValueError: the server answered with an error.
        """
        with httpx2.Client(trust_env=False, timeout=30) as client:
            answer = client.get(f"{self.url}/api/v1/{endpoint}", params=parameters).json()
        if answer["status"] != "success":
            raise ValueError(f"{endpoint} {parameters}: {answer['errorType']}: {answer['error']}")
        return answer["data"]

    def wait_for(self, expression: str, *, within: float = START_SECONDS) -> list[dict[str, Any]]:
        """Ask again and again until the query gives samples.

        Raises:
            AssertionError: it gave none in time.
        """
        deadline = time.monotonic() + within
        while not (found := self.query(expression)):
            assert time.monotonic() < deadline, f"{expression} gave nothing within {within:.0f} s\n{self.log()[-2000:]}"
            time.sleep(POLL_SECONDS)
        return found

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def _ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/-/ready", trust_env=False, timeout=2).status_code == httpx2.codes.OK
        except (httpx2.HTTPError, OSError):
            return False


def scrape(*targets: str, interval: str = "1s", **settings: object) -> dict[str, object]:
    """A configuration that reads `/metrics` of `targets` (host:port) as the job `stadtfunk`, at `interval`."""
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "scrape_configs": [{"job_name": "stadtfunk", "static_configs": [{"targets": list(targets)}]}],
        **settings,
    }


def prometheus_program(name: str) -> str:
    """The path of `prometheus`, `promtool` or another program of its packages."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: install Prometheus (Debian: apt install prometheus)")
    return found
