"""The files of the deployment as they are shipped, with the few places changed that a test must change.

Inside the containers paths and host names are fixed; a test has a folder and free ports instead. Every change is named
here or by the test, and must be found in the file: nothing else differs from what runs in a city.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from stadtfunk.deployment.parts import BROKER_USERS
from tests.support.mosquitto import free_port, mosquitto_program

ROOT = Path(__file__).parents[3]
FILES = ROOT / "config" / "deployment"
COMPOSE = Path(sys.executable).parent / "docker-compose"
PROFILES = ("chirpstack", "demo", "secrets")


def rewritten(file: Path, changes: Mapping[str, str]) -> str:
    """The file's text with every key of `changes` replaced by its value."""
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{file.name} has no {old!r} any more"
        text = text.replace(old, new)
    return text


def compose(*profiles: str, environment: Mapping[str, str] | None = None) -> Any:
    """The compose file as the program itself understands it, with what it says about it."""
    command = [str(COMPOSE), "--file", str(ROOT / "docker-compose.yml"), "--project-directory", str(ROOT)]
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [*command, *chosen, "config", "--format", "json"],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COMPOSE_DISABLE_ENV_FILE": "1", **(environment or {})},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return json.loads(done.stdout)


class Program:
    """A server with a shipped configuration, on loopback.

    Args:
        ports: that it listens on when it has started.
    """

    def __init__(self, command: list[str], log_file: Path, *ports: int) -> None:
        self.log_file = log_file
        self._command = command
        self._ports = ports
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and return when it listens."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while not all(map(listens, self._ports)):
            assert self._process.poll() is None, self.log_file.read_text()
            assert time.monotonic() < deadline, self.log_file.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class ShippedBroker(Program):
    """Debian's Mosquitto with the shipped files. Changed are: paths, the port, and the user when root runs the test."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.port = free_port()
        self._state = state
        changes = {
            "listener 8883\n": f"listener {self.port} 127.0.0.1\n",
            "/run/secrets/": f"{state}/",
            "/mosquitto/config/": f"{FILES / 'mosquitto'}/",
            "/mosquitto/data/": f"{folder}/",
        }
        text = rewritten(FILES / "mosquitto" / "mosquitto.conf", changes)
        if os.geteuid() == 0:
            text += "user root\n"  # else it becomes `mosquitto`, who cannot read these folders
        file = folder / "mosquitto.conf"
        file.write_text(text)
        super().__init__([mosquitto_program("mosquitto"), "-c", str(file)], folder / "mosquitto.log", self.port)

    def login(self, user: str) -> dict[str, str]:
        """User name and password of one of its users."""
        secret = BROKER_USERS.get(user, f"mqtt-gateway-{user}")
        return {"username": user, "password": (self._state / secret).read_text().strip()}


def program(name: str) -> str:
    """Path of a program of Debian's that CI installs."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    assert found, f"{name} is not installed"
    return found


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
