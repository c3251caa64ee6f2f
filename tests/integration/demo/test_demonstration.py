"""The demo as a newcomer runs it: history, cases, a portal, live readings, and parts that are killed and come back."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import httpx2
import psutil
import psycopg
import pytest

from stadtfunk.demo_configuration import PASSWORD
from storage.embedded import EmbeddedPostgres

SECONDS = 240.0
"""A deadline, not a promise: the machine may be busy with other tests."""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator["Demo"]:
    running = Demo(tmp_path / "demo")
    try:
        yield running
    finally:
        running.end()


class Demo:
    """`stadtfunk demo` with a small city and a few days of history."""

    def __init__(self, folder: Path, *, days: float = 0.5, scale: float = 0.05) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        command = [sys.executable, "-m", "stadtfunk", "demo", "--data-dir", str(folder), "--seed", "7"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--days", str(days), "--scale", str(scale)], stdout=log, stderr=log, env=os.environ | ENGLISH
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

    def child(self, word: str) -> psutil.Process:
        """The process of a part of the simulated city."""
        [found] = [one for one in psutil.Process(self.process.pid).children() if word in one.cmdline()]
        return found

    def newest(self) -> object:
        """When the newest live uplink was received; None while the database is away."""
        rows = self.rows("SELECT max(received_at), count(*) FROM stadtfunk.uplink")
        return rows[0] if rows else None

    def rows(self, query: LiteralString) -> list[tuple]:
        """The rows of a query; none while the database is away."""
        dsn = EmbeddedPostgres(self.folder / "database").dsn
        try:
            with psycopg.connect(dsn, connect_timeout=2) as connection:
                return connection.execute(query).fetchall()
        except psycopg.Error:
            return []

    @property
    def portal(self) -> str:
        """Where its people log in."""
        found = re.search(r"Portal +(http://[0-9.:]+)", self.log.read_text())
        assert found is not None
        return found[1]

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


def test_within_minutes_there_are_live_cases_a_past_and_pages_to_look_at(tmp_path):
    """Three days of past; on thirteen bays every scene finds a place."""
    running = Demo(tmp_path / "demo", days=3, scale=0.6)
    try:
        await_(lambda: running.said("uplinks live"))
        assert "streife (officer)" in running.log.read_text()
        wanted = {"V1_NO_CHARGE", "V2_AFTER_CHARGE"}
        await_(lambda: len(codes := open_codes(running)) >= 4 and wanted <= set(codes))
        await_(lambda: running.rows("SELECT FROM stadtfunk.alert WHERE closed_at IS NOT NULL AND NOT backfilled"))
        officers = running.rows("SELECT DISTINCT assignee FROM stadtfunk.alert WHERE assignee <> ''")
        assert all(name.startswith("demo-") for (name,) in officers)
        await_(lambda: running.rows("SELECT FROM stadtfunk.charging_link WHERE state ? 'last_poll'"))
        assert not running.rows("SELECT FROM stadtfunk.notification")
        with httpx2.Client(base_url=running.portal, trust_env=False, headers={"Accept": "text/html"}) as browser:
            token = browser.get("/login").text.split('name="csrf-token" content="')[1].split('"')[0]
            form = {"username": "streife", "password": PASSWORD, "csrf_token": token}
            assert browser.post("/login", data=form).status_code == 303
            assert "Belegt ohne Ladevorgang" in browser.get("/inbox").text
        running.child("operator").kill()
        deadline = time.monotonic() + SECONDS
        while running.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert running.process.returncode == 1
        assert "the operator ended with -9" in running.log.read_text()
    finally:
        running.end()


def open_codes(demo: Demo) -> list[str]:
    """The codes of the cases that are open."""
    query = "SELECT code FROM stadtfunk.alert WHERE rule = 'wrong_parking' AND closed_at IS NULL"
    return [code for (code,) in demo.rows(query)]
