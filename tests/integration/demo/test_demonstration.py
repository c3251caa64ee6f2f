"""The demo as a newcomer runs it: history, live readings, and parts that are killed and come back."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from storage.embedded import EmbeddedPostgres

SECONDS = 120.0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator["Demo"]:
    running = Demo(tmp_path / "demo")
    try:
        yield running
    finally:
        running.end()


class Demo:
    """`stadtfunk demo` with a small city and half a day of history."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        command = [sys.executable, "-m", "stadtfunk", "demo", "--data-dir", str(folder), "--seed", "7"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--days", "0.5", "--scale", "0.05"], stdout=log, stderr=log, env=os.environ | ENGLISH
            )

    def said(self, words: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return words in self.log.read_text()

    def service(self) -> psutil.Process | None:
        """The process of the service, while there is one."""
        for child in psutil.Process(self.process.pid).children():
            if child.status() != psutil.STATUS_ZOMBIE and "run" in child.cmdline():
                return child
        return None

    def newest(self) -> object:
        """When the newest live uplink was received; None while the database is away."""
        dsn = EmbeddedPostgres(self.folder / "database").dsn
        try:
            with psycopg.connect(dsn, connect_timeout=2) as connection:
                row = connection.execute("SELECT max(received_at), count(*) FROM stadtfunk.uplink").fetchone()
        except psycopg.Error:
            return None
        return row

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()


ENGLISH = {"STADTFUNK_LANG": "en"}


def await_(condition: Callable[[], object]) -> object:
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.2)
    return found


def more_than(demo: Demo, before: object) -> bool:
    now = demo.newest()
    return now is not None and now > before  # type: ignore[operator]


def test_killed_service_and_database_come_back_and_uplinks_go_on(demo):
    await_(lambda: demo.said("uplinks live"))
    before = await_(demo.newest)
    killed = demo.service()
    assert killed is not None
    killed.kill()
    await_(lambda: demo.said("The service ended and is started again"))
    await_(lambda: more_than(demo, before))

    EmbeddedPostgres(demo.folder / "database").kill()
    await_(lambda: demo.said("The database ended and is started again"))
    before = await_(demo.newest)
    await_(lambda: more_than(demo, before))

    demo.end()
    assert demo.process.returncode == 0, demo.log.read_text()
    assert "the data are kept" in demo.log.read_text()
