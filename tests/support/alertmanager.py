"""A private Alertmanager, and who it calls: a webhook and a mail server on loopback that keep what they got."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx2
import yaml

from tests.support.mosquitto import HOST, free_port
from tests.support.prometheus import POLL_SECONDS, START_SECONDS, STOP_SECONDS, prometheus_program


class Alertmanager:
    """One server on a port of its own.

    Args:
        directory: for configuration, log and state.
        configuration: what `alertmanager.yml` shall hold; paths in it are relative to `directory`.
    """

    def __init__(self, directory: Path, configuration: Mapping[str, object]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.log_file = directory / "alertmanager.log"
        (directory / "alertmanager.yml").write_text(yaml.safe_dump(dict(configuration)))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        command = [
            prometheus_program("prometheus-alertmanager"),
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'state'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--cluster.listen-address=",
        ]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log)
        wait_until(self._ready, f"Alertmanager did not start:\n{self.log_file.read_text()[-4000:]}")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def alerts(self) -> dict[str, list[dict[str, Any]]]:
        """Active alerts by name; each has `labels`, `annotations` and `status` (`state`, `inhibitedBy`)."""
        found: dict[str, list[dict[str, Any]]] = {}
        for one in httpx2.get(f"{self.url}/api/v2/alerts", trust_env=False, timeout=10).json():
            found.setdefault(one["labels"]["alertname"], []).append(one)
        return found

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log_file.read_text()[-4000:]
        try:
            return httpx2.get(f"{self.url}/-/ready", trust_env=False, timeout=2).status_code == httpx2.codes.OK
        except (httpx2.HTTPError, OSError):
            return False


class WebServer:
    """An HTTP server on loopback: gives `pages` by path, and keeps what is posted by path, with its Authorization."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.posted: dict[str, list[tuple[str, Any]]] = {}
        self._server = ThreadingHTTPServer((HOST, 0), _handler(self))
        self.target = f"{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def alerts(self, path: str, status: str = "firing") -> set[str]:
        """Names of the alerts that a webhook of Alertmanager posted to `path` with that status."""
        messages = [body for _, body in self.posted.get(path, [])]
        return {one["labels"]["alertname"] for body in messages for one in body["alerts"] if one["status"] == status}


class Mailbox:
    """Handler of an SMTP server that keeps every message."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        """Take a message."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


def wait_until(found: Callable[[], object], what: str, *, within: float = START_SECONDS) -> None:
    """Poll until `found` says so.

    Raises:
        AssertionError: it did not in time; says `what` was waited for.
    """
    deadline = time.monotonic() + within
    while not found():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(POLL_SECONDS)


def _handler(server: WebServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = server.pages.get(self.path)
            self._answer(404 if page is None else 200, page or "")

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.posted.setdefault(self.path, []).append((self.headers.get("Authorization", ""), body))
            self._answer(200, "")

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            return

    return Handler
