"""A private Mosquitto: own configuration, folder and free port; started, stopped, killed and restarted by its pid."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

HOST = "127.0.0.1"
START_SECONDS = 10.0
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """The broker's side of TLS; `require_certificate` makes clients show one that `ca_file` signed."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    require_certificate: bool = False
    crl_file: Path | None = None


class Mosquitto:
    """One broker process on a port of its own, which it keeps over restarts.

    Args:
        directory: an empty folder for configuration, log and persistence.
        users: name → password; without users, anonymous clients are allowed.
        acl: lines of an ACL file; none means that everybody may do everything.
        tls: makes the listener a TLS listener.
        options: further lines of mosquitto.conf, e.g. `{"max_queued_messages": 100}`; they win over the defaults here:
            unlimited queue, saved at SIGTERM (`persistence`), `$SYS` every second.
    """

    def __init__(
        self,
        directory: Path,
        *,
        users: Mapping[str, str] | None = None,
        acl: Sequence[str] = (),
        tls: BrokerTls | None = None,
        persistence: bool = True,
        options: Mapping[str, object] | None = None,
        port: int | None = None,
    ) -> None:
        self.directory = directory
        self.host = HOST
        self.port = port or free_port()
        self.log_file = directory / "mosquitto.log"
        self._users = dict(users or {})
        self._acl = list(acl)
        self._tls = tls
        self._options: dict[str, object] = {
            "persistence": persistence,
            "persistence_location": f"{directory}/",
            "autosave_interval": 1800,
            "max_queued_messages": 0,
            "sys_interval": 1,
            "user": "root",  # ignored unless started by root; then it keeps access to `directory`
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()  # nobody needs what it holds, and SIGTERM takes a tenth of a second

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the broker and return when it accepts connections.

        Raises:
            RuntimeError: it ended or did not listen in time; the message holds its log.
        """
        assert not self.running, "the broker is running already"
        command = [mosquitto_program("mosquitto"), "-c", str(self._write_configuration())]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not _accepts(self.port):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Mosquitto did not start:\n{self.log()}")
            time.sleep(0.01)

    def stop(self) -> None:
        """SIGTERM: the broker saves what it holds (with `persistence`) and ends."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: what came since the last save is gone."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """An orderly restart on the same port."""
        self.stop()
        self.start()

    def log(self) -> str:
        """Everything that the broker wrote so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def set_acl(self, lines: Sequence[str]) -> None:
        """Replace the ACL of a broker that was made with one; the broker reads it again at once (SIGHUP)."""
        assert self._acl, "only a broker made with an ACL reads its file again"
        self._acl = list(lines)
        self._write_acl()
        if self.running:
            self._process_signal(signal.SIGHUP)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            self._process_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def _process_signal(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)

    def _write_configuration(self) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = [f"{name} {_option(value)}" for name, value in self._options.items()]
        lines += ["log_dest stderr", f"allow_anonymous {_option(not self._users)}", f"listener {self.port} {HOST}"]
        if self._users:
            lines.append(f"password_file {self._write_users()}")
        if self._acl:
            lines.append(f"acl_file {self._write_acl()}")
        if self._tls is not None:
            lines += [f"cafile {self._tls.ca_file}", f"certfile {self._tls.cert_file}", f"keyfile {self._tls.key_file}"]
            lines.append(f"require_certificate {_option(self._tls.require_certificate)}")
            if self._tls.crl_file is not None:
                lines.append(f"crlfile {self._tls.crl_file}")
        path = self.directory / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        return path

    def _write_users(self) -> Path:
        path = self.directory / "users"
        path.write_text("".join(f"{name}:{password}\n" for name, password in self._users.items()))
        subprocess.run([mosquitto_program("mosquitto_passwd"), "-U", str(path)], check=True, capture_output=True)
        return path

    def _write_acl(self) -> Path:
        path = self.directory / "acl"
        path.write_text("\n".join(self._acl) + "\n")
        return path


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def mosquitto_program(name: str) -> str:
    """The path of `mosquitto` or one of its tools, also where /usr/sbin is not on PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/sbin")
    if found is None:
        raise RuntimeError(f"{name} is missing: install Mosquitto (Debian: apt install mosquitto mosquitto-clients)")
    return found


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A fresh broker that lets everybody in and loses nothing at an orderly restart."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts brokers with options of their own: `start_mosquitto(users={"ingest": "secret"})`; ends them afterwards."""
    with ExitStack() as stack:
        started = 0

        def start(**arguments: object) -> Mosquitto:
            nonlocal started
            started += 1
            broker = Mosquitto(tmp_path / f"mosquitto-{started}", **arguments)  # type: ignore[arg-type]
            return stack.enter_context(broker)

        yield start


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
