"""`stadtfunk demo` as a newcomer meets it, small: history, live uplinks, where to look, a clean end, another start."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

START_SECONDS = 120
ENVIRONMENT = {**os.environ, "STADTFUNK_LANG": "en", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="stadtfunk-demo-") as name:
        Path(name).chmod(0o711)
        yield Path(name) / "demo"


class Demo:
    def __init__(self, process, output):
        self._process = process
        self._output = output

    @property
    def text(self):
        return self._output.read_text(encoding="utf-8")

    def await_text(self, wanted):
        deadline = time.monotonic() + START_SECONDS
        while wanted not in self.text:
            assert self._process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)

    def end(self, number):
        self._process.send_signal(number)
        return self._process.wait(60)


@contextmanager
def running(folder, *options):
    output = folder.with_name("output")
    command = [sys.executable, "-m", "stadtfunk", "demo", "--scale", "0.03", "--data-dir", str(folder), *options]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=ENVIRONMENT, start_new_session=True)
    try:
        yield Demo(process, output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def status(folder):
    command = [sys.executable, "-m", "stadtfunk", "status", "--json", "--config", str(folder / "stadtfunk.yaml")]
    return json.loads(subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT).stdout)


def await_rows(folder, kind, more_than):
    deadline = time.monotonic() + START_SECONDS
    while (found := status(folder))["kinds"][kind]["rows"] <= more_than:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return found


def processes_of(folder):
    """Processes that have the demo's folder on their command line or as their working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or place.startswith(str(folder)):
            found.append(words.replace("\0", " "))
    return found


def test_from_an_empty_folder_to_live_readings_and_back(folder):
    with running(folder, "--days", "0.1") as demo:
        demo.await_text("uplinks live:")
        assert "Filling 0.1 days of history" in demo.text
        found = await_rows(folder, "heat_meter", 0)
        assert found["service"]["ready"] is True
        assert found["devices"]["orphans"] == 0
        assert found["rejected"] == {}
        assert found["service"]["sources"]["mainz"]["connected"] is True
        assert httpx2.get(f"{found['service']['url']}/readyz", trust_env=False).status_code == 200
        assert f"{found['service']['url']}/metrics" in demo.text
        demo.await_text("Wärmezähler")  # live ones are counted by the service alone
        assert demo.end(signal.SIGINT) == 0
        assert "Ended; the data are kept" in demo.text
    assert processes_of(folder) == []

    with running(folder, "--days", "0") as demo:
        demo.await_text("uplinks live:")
        assert status(folder)["kinds"]["heat_meter"]["rows"] >= found["kinds"]["heat_meter"]["rows"]
        assert demo.end(signal.SIGTERM) == 0
    assert processes_of(folder) == []


def test_a_part_that_dies_ends_the_demo_with_a_reason(folder):
    with running(folder, "--days", "0") as demo:
        demo.await_text("uplinks live:")
        [city] = [pid for pid in _pids("stadtfunk.demo\0live") if str(folder) in _words(pid)]
        os.kill(city, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while "The demo cannot go on: the city ended with -9" not in demo.text:
            assert time.monotonic() < deadline, demo.text
            time.sleep(0.1)
        assert demo._process.wait(60) == 1
    assert processes_of(folder) == []


def _pids(words):
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if words in _words(int(path.name))]


def _words(pid):
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
