"""The configuration that the demo leaves in its folder: what a city would write, with free ports and demo logins."""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from portal.user_roles import UserRole
from portal.users import hash_password
from stadtfunk.demo.broker import DemoBroker

SOURCE: Final = "mainz"
OPERATOR: Final = "stadtwerke"
LOGINS: Final[Mapping[str, UserRole]] = {
    "streife": UserRole.OFFICER,
    "streife2": UserRole.OFFICER,
    "leitstelle": UserRole.OPERATOR,
    "technik": UserRole.ENGINEER,
    "gast": UserRole.VIEWER,
}
PASSWORD: Final = "mainz-demo"  # noqa: S105 (printed to everybody who starts the demo; it listens on loopback)
MAIL_PORT: Final = 1025
"""Where mail catchers for developers listen; nothing is ever sent to a real mail server."""

_HOST: Final = "127.0.0.1"
_HTTP_PORT, _PORTAL_PORT = 8080, 8081
_MAIL_SECONDS = 1.0


class NoPort(Exception):
    """No port is free on the loopback interface."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts of one run listen."""

    http: int
    portal: int
    operator: int

    @classmethod
    def free(cls) -> "Ports":
        """The favourite ports, others where somebody has them.

        Raises:
            NoPort: all are taken.
        """
        http = _free_port(_HTTP_PORT)
        portal = _free_port(_PORTAL_PORT, but=http)
        return cls(http, portal, _free_port(0, but=portal))

    @property
    def portal_url(self) -> str:
        """Where people and the operator reach the portal."""
        return f"http://{_HOST}:{self.portal}"


def write_token(path: Path) -> Path:
    """A new token in a file that only we can read."""
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
    return path


def configuration(broker: DemoBroker, ports: Ports, token_file: Path) -> dict[str, object]:
    """Everything; paths are relative to the demo's folder or absolute."""
    return {
        "sources": [_source(broker)],
        "database": {"dsn": "embedded", "data_dir": "database"},
        "spool": {"path": "spool.sqlite"},
        "http": {"port": ports.http},
        "charging": _charging(ports, token_file),
        "alerts": {"rules": _rules(), "channels": _channels()},
        "portal": _portal(ports),
    }


def has_mail_catcher() -> bool:
    """True when something on this machine takes mail on the developers' port."""
    try:
        with socket.create_connection((_HOST, MAIL_PORT), timeout=_MAIL_SECONDS) as connection:
            return connection.recv(4).startswith(b"220")
    except OSError:
        return False


def _source(broker: DemoBroker) -> dict[str, object]:
    login = broker.ingest
    return {
        "name": SOURCE,
        "format": "chirpstack",
        "transport": "mqtt5" if broker.speaks_mqtt5 else "paho",
        "host": broker.host,
        "port": broker.port,
        "username": login.username,
        "password_file": str(login.password_file),
    }


def _charging(ports: Ports, token_file: Path) -> dict[str, object]:
    operator = {
        "versions_url": f"http://{_HOST}:{ports.operator}/ocpi/versions",
        "token_file": str(token_file),
        "poll_seconds": 60,
        "allow_hosts": [_HOST],
    }
    return {"public_url": ports.portal_url, "state_dir": "charging", "ocpi": {OPERATOR: operator}}


def _rules() -> dict[str, object]:
    return {
        "wrong_parking": {"kind": "wrong_parking", "escalate_after": "20m"},
        "bay_sensor": {"kind": "bay_sensor"},
        "gateway_silent": {"kind": "gateway_silent"},
        "device_silent": {"kind": "device_silent"},
        "battery_low": {"kind": "battery_low"},
    }


def _channels() -> dict[str, object]:
    if not has_mail_catcher():
        return {}
    return {
        "leitstelle": {
            "kind": "email",
            "host": _HOST,
            "port": MAIL_PORT,
            "security": "none",
            "sender": "stadtfunk@mainz.example",
            "recipients": ["leitstelle@mainz.example"],
            "rules": ["wrong_parking"],
            "shift": "always",
        }
    }


def _portal(ports: Ports) -> dict[str, object]:
    password_hash = hash_password(PASSWORD)
    users = {name: {"password_hash": password_hash, "role": role.value} for name, role in LOGINS.items()}
    return {"enabled": True, "port": ports.portal, "users": users}


def _free_port(favourite: int, *, but: int = 0) -> int:
    for port in (favourite, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
        if found != but:
            return found
    raise NoPort("no port is free on the loopback interface")
