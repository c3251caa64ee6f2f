"""The demo's MQTT broker: Mosquitto where it is installed, else amqtt in a process of its own.

Both listen on a free port of the loopback interface and know two users: the city's network server, which publishes,
and Stadtfunk, which reads and may write only its canary. Their passwords are made once and kept in the demo's folder.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from stadtfunk.deployment.mosquitto import password_file

HOST = "127.0.0.1"
_START_SECONDS = 15.0
_STOP_SECONDS = 10.0
_SYSTEM_FOLDERS = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


class BrokerKind(StrEnum):
    """Which program the broker is."""

    MOSQUITTO = "mosquitto"
    AMQTT = "amqtt"


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the broker; the password lies alone in `password_file` too, for programs that read it from there."""

    username: str
    password: str
    password_file: Path


@dataclass(frozen=True, slots=True)
class Rights:
    """Topic filters that a user may read and write."""

    read: tuple[str, ...]
    write: tuple[str, ...]


RIGHTS = {
    "network-server": Rights(read=(), write=("application/#", "eu868/gateway/#")),
    "stadtfunk": Rights(
        read=("application/#", "+/gateway/#", "gateway/#", "$SYS/broker/#"),
        write=("application/+/device/+/event/canary",),
    ),
}


class DemoBroker:
    """One broker with its folder; a stopped one can be started again and keeps its sessions (Mosquitto) and users.

    Args:
        directory: made if missing; holds configuration, users, log and what the broker saves.
        kind: a certain program; by default Mosquitto if there is one.
        port: a certain port; by default a free one.
    """

    def __init__(self, directory: Path, *, kind: BrokerKind | None = None, port: int | None = None) -> None:
        self.directory = directory.absolute()
        self.kind = kind or (BrokerKind.MOSQUITTO if mosquitto_program() else BrokerKind.AMQTT)
        self.host = HOST
        self.port = port or _free_port()
        self.log_file = self.directory / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._logins: dict[str, Login] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def speaks_mqtt5(self) -> bool:
        """amqtt knows MQTT 3.1.1 alone."""
        return self.kind is BrokerKind.MOSQUITTO

    @property
    def running(self) -> bool:
        """True while the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def network_server(self) -> Login:
        """The simulated city publishes as this user. Known after `start`."""
        return self._logins["network-server"]

    @property
    def ingest(self) -> Login:
        """Stadtfunk reads as this user. Known after `start`."""
        return self._logins["stadtfunk"]

    def start(self) -> None:
        """Start the broker and return when it accepts connections.

        Raises:
            RuntimeError: it ended or did not listen in time; the message names its log.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logins = {name: _login(self.directory, name) for name in RIGHTS}
        command = self._mosquitto() if self.kind is BrokerKind.MOSQUITTO else self._amqtt()
        with self.log_file.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal must reach the broker last, by `stop`.
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START_SECONDS
        while not _accepts(self.port):
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the broker ({self.kind}) did not start, see {self.log_file}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the broker: asked to first, so that it saves its sessions; killed if it does not listen."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _mosquitto(self) -> list[str]:
        program = mosquitto_program()
        if program is None:
            raise RuntimeError("Mosquitto is not installed")
        users = password_file({login.username: login.password for login in self._logins.values()})
        lines = [
            f"listener {self.port} {HOST}",
            "allow_anonymous false",
            f"password_file {_write(self.directory / 'users', users)}",
            f"acl_file {_write(self.directory / 'acl', _mosquitto_acl())}",
            "persistence true",
            f"persistence_location {self.directory}/",
            "autosave_interval 30",
            "max_queued_messages 200000",
            "max_inflight_messages 100",
            "sys_interval 5",
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes `mosquitto` and cannot read this folder
        return [program, "-c", str(_write(self.directory / "mosquitto.conf", "\n".join(lines) + "\n"))]

    def _amqtt(self) -> list[str]:
        users = {name: login.password for name, login in self._logins.items()}
        configuration = {"bind": f"{HOST}:{self.port}", "users": users, "password_file": str(self.directory / "users")}
        path = _write(self.directory / "amqtt.json", json.dumps(configuration))
        return [sys.executable, "-m", "stadtfunk.demo.amqtt_broker", str(path)]


def mosquitto_program() -> str | None:
    """Path of Mosquitto; system folders are searched too, since not everybody has them on the path."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_FOLDERS)


def _login(directory: Path, username: str) -> Login:
    path = directory / f"{username}.password"
    if not path.exists():
        _write(path, secrets.token_urlsafe(24))
    return Login(username, path.read_text(encoding="ascii").strip(), path)


def _mosquitto_acl() -> str:
    lines: list[str] = []
    for username, rights in RIGHTS.items():
        lines.append(f"user {username}\n")
        lines += [f"topic read {pattern}\n" for pattern in rights.read]
        lines += [f"topic write {pattern}\n" for pattern in rights.write]
    return "".join(lines)


def _write(path: Path, text: str) -> Path:
    """Write a file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
