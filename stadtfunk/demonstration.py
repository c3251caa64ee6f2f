"""The demo's parts in order: database, broker, operator, history, service, city; each ends in the opposite order.

Service, city and the charge-point operator are processes of their own, as in a real city; the service runs on a
configuration file that is left in the demo's folder, so that `stadtfunk status -c …` works beside it. Children get
sessions of their own: Ctrl-C in the terminal reaches this process alone, which then ends them one by one.
"""

import asyncio
import gc
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx2
import yaml

from alerts.charging.store import sync_bays
from config.load import load_settings
from config.settings import Settings
from ingest.replay import ReplayFile
from stadtfunk import app
from stadtfunk.demo.broker import DemoBroker
from stadtfunk.demo_configuration import OPERATOR, SOURCE, NoPort, Ports, configuration, write_token
from stadtfunk.demo_past import BayPast, forget_link, play_cases, store_charging
from stadtfunk.status import base_url
from storage.asset_rows import AssetRow, asset_rows
from storage.assets import Imported, import_assets
from storage.database import Connection, Role, connect
from storage.embedded import EmbeddedError, EmbeddedPostgres
from storage.migrate import migrate

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
MOST_RESTARTS = 5
RESTART_WINDOW = 60.0
LEAST_PAST = 0.25
"""Days of statuses and contacts of charge points, even where no uplinks are filled in."""
_PIPE_BYTES = 1 << 20


T = TypeVar("T")


class Part(StrEnum):
    """What is started again when it was killed."""

    DATABASE = "database"
    SERVICE = "service"


class DemoFailed(Exception):
    """A part of the demo ended or did not get ready; the text says where to look."""


@dataclass(frozen=True, slots=True)
class City:
    """What the simulator is asked for.

    Attributes:
        starts: when demos in this folder were started, this one included; scenes are played around each.
    """

    seed: int | None
    days: float
    scale: float
    begins_at: datetime
    starts: tuple[datetime, ...] = ()

    @property
    def kind_of_city(self) -> list[str]:
        """Options that make the same city everywhere."""
        seed = [] if self.seed is None else ["--seed", str(self.seed)]
        starts = [word for at in self.starts for word in ("--started", at.isoformat())]
        return [*seed, "--scale", str(self.scale), *starts]

    @property
    def past_begins_at(self) -> datetime:
        """From when on the past of the bays is known."""
        return self.begins_at - timedelta(days=max(self.days, LEAST_PAST))

    @property
    def arguments(self) -> list[str]:
        """Options that history and live stream share."""
        return [*self.kind_of_city, "--end", self.begins_at.isoformat()]


class Demonstration:
    """One run of the demo in `folder`, which keeps database, broker and configuration for the next one."""

    def __init__(self, folder: Path, city: City) -> None:
        self.folder = folder.absolute()
        self.city = city
        self.config_file = self.folder / "stadtfunk.yaml"
        self.log_file = self.folder / "service.log"
        self._broker = DemoBroker(self.folder / "broker")
        self._database = EmbeddedPostgres(self.folder / "database")
        self._settings: Settings | None = None
        self._ports = Ports(0, 0, 0)
        self._token_file = self.folder / "operator.token"
        self._past: BayPast | None = None
        self._service: subprocess.Popen[bytes] | None = None
        self._history: subprocess.Popen[bytes] | None = None
        self._bays: subprocess.Popen[bytes] | None = None
        self._simulators: dict[str, subprocess.Popen[bytes]] = {}
        self._resources = ExitStack()
        self._spawned: set[str] = set()
        self._restarts: dict[Part, deque[float]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)

    @property
    def settings(self) -> Settings:
        """The settings that the service runs on; known after `prepare`."""
        assert self._settings is not None
        return self._settings

    @property
    def broker_kind(self) -> str:
        """Which broker program runs."""
        return self._broker.kind

    @property
    def url(self) -> str:
        """Where the service answers."""
        return base_url(self.settings.http)

    @property
    def portal_url(self) -> str:
        """Where people log in."""
        return self._ports.portal_url

    @property
    def dsn(self) -> str:
        """The database's connection string."""
        return self._database.dsn

    def prepare(self) -> None:
        """Start database and broker, write the configuration, make the tables, let the operator's platform begin.

        Raises:
            DemoFailed, EmbeddedError, RuntimeError: one of them does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.city = replace(self.city, starts=self._note_start())
        self._resources.enter_context(self._database)
        self._resources.enter_context(self._broker)
        try:
            self._ports = Ports.free()
        except NoPort as error:
            raise DemoFailed(str(error)) from None
        content = configuration(self._broker, self._ports, write_token(self._token_file))
        self.config_file.touch(mode=0o600)
        self.config_file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        self._settings = load_settings(self.config_file, {})
        asyncio.run(migrate(self.settings.database))
        self._begin_charging()

    def register_assets(self) -> Imported:
        """Tell the database which tree, bay or meter each of the city's devices measures.

        Raises:
            DemoFailed: the simulator ended with an error.
        """
        command = [sys.executable, "-m", "stadtfunk.demo", "assets", *self.city.kind_of_city]
        made = subprocess.run(command, capture_output=True, check=False, timeout=READY_SECONDS)
        if made.returncode != 0:
            raise DemoFailed(f"the simulator ended with {made.returncode}: {made.stderr.decode()[-200:]}")
        return asyncio.run(self._import(asset_rows(json.loads(made.stdout)["assets"])))

    def _begin_charging(self) -> None:
        """The operator's platform, which knows nobody yet; and what it would have told in the past."""
        shutil.rmtree(self.folder / "charging", ignore_errors=True)
        asyncio.run(self._as_engine(lambda connection: forget_link(connection, OPERATOR)))
        access = ["--port", str(self._ports.operator), "--token-file", str(self._token_file)]
        self._simulators["operator"] = self._start("operator", ["operator", *access, *self.city.arguments])
        days = (self.city.begins_at - self.city.past_begins_at) / timedelta(days=1)
        command = ["parking", "--days", str(days), *self.city.arguments]
        self._bays = self._start("parking", command, output=subprocess.PIPE)

    def begin_history(self) -> None:
        """Let the simulator begin with the past days; it counts them first, which takes some seconds."""
        command = ["history", "--days", str(self.city.days), *self.city.arguments]
        self._history = self._start("history", command, output=subprocess.PIPE)

    def fill(self, progress: Callable[[int, int | None], None]) -> app.Replayed:
        """Store the past days by the way of a replay file, without a file in between.

        Raises:
            DemoFailed: the simulator ended with an error.
        """
        gc.set_threshold(*app.GC_THRESHOLDS)
        assert self._history is not None
        assert self._history.stdout is not None
        lines = ReplayFile(SOURCE, self._history.stdout, fallback=self.city.begins_at, progress=progress)
        done = asyncio.run(app.replay(self.settings, lines))
        if self._history.wait(STOP_SECONDS) != 0:
            raise DemoFailed(f"the simulator ended with {self._history.returncode}, see {self.folder / 'history.log'}")
        return done

    def fill_charging(self) -> int:
        """Store what the charge points said in the past days; returns how many statuses were new.

        Raises:
            DemoFailed: the simulator ended with an error.
        """
        assert self._bays is not None
        found, _ = self._bays.communicate(timeout=READY_SECONDS)
        if self._bays.returncode != 0:
            raise DemoFailed(f"the simulator ended with {self._bays.returncode}, see {self.folder / 'parking.log'}")
        past = self._past = BayPast.read(json.loads(found))
        return asyncio.run(self._as_engine(lambda connection: store_charging(connection, past, source=OPERATOR)))

    def fill_cases(self) -> int:
        """Open and close the cases of the past days, as engine and officers would have done; how many were new."""
        assert self._past is not None
        past, begin, end = self._past, self.city.past_begins_at, self.city.begins_at
        return asyncio.run(
            self._as_engine(lambda connection: play_cases(connection, self.settings, past, since=begin, now=end))
        )

    def go_live(self) -> None:
        """Start the service, wait until it is ready, then let the city speak.

        Raises:
            DemoFailed: the service does not get ready.
        """
        self._start_service()
        self._await_ready()
        login = self._broker.network_server
        access = ["--host", self._broker.host, "--port", str(self._broker.port), "--user", login.username]
        self._simulators["city"] = self._start(
            "city", ["live", *access, "--password-file", str(login.password_file), *self.city.arguments]
        )

    def revive(self) -> Sequence[Part]:
        """Start database and service again when somebody killed them, as systemd does in a city; gives their names.

        Raises:
            DemoFailed: one of them ends again and again.
        """
        gone: list[Part] = []
        if self._database.pid is None:
            gone.append(Part.DATABASE)
            self._count_restart(Part.DATABASE, str(self._database.log_file))
            with suppress(EmbeddedError):  # its children may still be about to end: the next look tries again
                self._database.start()
        if self._service is not None and self._service.poll() is not None:
            gone.append(Part.SERVICE)
            self._count_restart(Part.SERVICE, f"{self._service.returncode}, see {self.log_file}")
            self._start_service()
        return gone

    def check(self) -> None:
        """Raise DemoFailed when city, operator or broker ended by themselves."""
        for name, process in self._simulators.items():
            if process.poll() is not None:
                raise DemoFailed(f"the {name} ended with {process.returncode}, see {self.folder / f'{name}.log'}")
        if not self._broker.running:
            raise DemoFailed(f"the broker ended, see {self._broker.log_file}")

    async def _import(self, rows: list[AssetRow]) -> Imported:
        connection = await connect(self.settings.database, role=Role.PORTAL, application_name="stadtfunk demo")
        async with connection:
            imported = await import_assets(connection, rows)
            await sync_bays(connection, datetime.now(UTC))
            return imported

    async def _as_engine(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await connect(self.settings.database, role=Role.ALERTS, application_name="stadtfunk demo")
        async with connection:
            return await work(connection)

    def _note_start(self) -> tuple[datetime, ...]:
        """The starts of this folder's demos that the history reaches, with this one.

        Without the earlier ones the same days would be told in another way.
        """
        file = self.folder / "starts.json"
        known = map(datetime.fromisoformat, json.loads(file.read_text())) if file.exists() else ()
        oldest = self.city.past_begins_at - timedelta(days=2)
        starts = tuple(sorted({*(at for at in known if at > oldest), self.city.begins_at}))
        file.write_text(json.dumps([at.isoformat() for at in starts]))
        return starts

    def _start_service(self) -> None:
        command = [sys.executable, "-m", "stadtfunk", "run", "--config", str(self.config_file)]
        self._service = self._spawn("service", command)

    def _count_restart(self, part: Part, ending: str) -> None:
        restarts = self._restarts.setdefault(part, deque(maxlen=MOST_RESTARTS))
        now = time.monotonic()
        if len(restarts) == MOST_RESTARTS and now - restarts[0] < RESTART_WINDOW:
            raise DemoFailed(f"the {part} ended {MOST_RESTARTS + 1} times within a minute, last with {ending}")
        restarts.append(now)

    def _start(self, name: str, arguments: list[str], *, output: int | None = None) -> subprocess.Popen[bytes]:
        return self._spawn(name, [sys.executable, "-m", "stadtfunk.demo", *arguments], output=output)

    def _spawn(self, name: str, command: list[str], *, output: int | None = None) -> subprocess.Popen[bytes]:
        """A child that this demo ends; what it says goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("wb" if name not in self._spawned else "ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=log,
                start_new_session=True,
                pipesize=_PIPE_BYTES,
            )
        self._spawned.add(name)
        self._resources.callback(_end, process)
        return process

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        assert self._service is not None
        while not _answers(f"{self.url}/readyz"):
            if self._service.poll() is not None:
                raise DemoFailed(f"the service ended with {self._service.returncode}, see {self.log_file}")
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"the service did not get ready, see {self.log_file}")
            time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2, trust_env=False).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a child to end, and insist after a while."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()
