"""Which secret belongs to which service of `docker-compose.yml`: one table, which tests hold against that file."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from storage.database import Role


class Account(IntEnum):
    """User ids in the images; files of secrets belong to the one that reads them."""

    ROOT = 0
    POSTGRES = 70
    HAPROXY = 99
    GRAFANA = 472
    MOSQUITTO = 1883
    STADTFUNK = 10001
    NOBODY = 65534  # of ChirpStack, Prometheus and Alertmanager


@dataclass(frozen=True, slots=True)
class Secret:
    """A random value in a file of its own.

    Attributes:
        owner: who reads it.
        shared: the set-up container reads it, too, because it gives the login this password.
    """

    name: str
    owner: Account
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Login:
    """A login of the database, which may take `roles` and nothing else.

    Attributes:
        takes: False where the program cannot say `SET ROLE`: then the login has the rights of its only role at once.
    """

    service: str
    roles: tuple[Role, ...]
    takes: bool = True

    @property
    def name(self) -> str:
        """The login's name in the database."""
        return f"stadtfunk_{self.service}_login"

    @property
    def secret(self) -> str:
        """The file of its password."""
        return f"database-{self.service}"


LOGINS: Final = (
    Login("ingest", (Role.INGEST, Role.MAINTENANCE)),  # the ingest's process keeps rollups and retention, too
    Login("engine", (Role.ALERTS,)),
    Login("portal", (Role.PORTAL,)),
    Login("grafana", (Role.GRAFANA,), takes=False),
)

BROKER_USERS: Final = {
    "stadtfunk": "mqtt-ingest",
    "chirpstack": "mqtt-chirpstack",
    "simulator": "mqtt-simulator",
    "monitor": "mqtt-monitor",
}
"""Users of Mosquitto with the files of their passwords; gateways join them, each under its own id."""

SECRETS: Final = (
    Secret("database-admin", Account.POSTGRES, shared=True),
    *(
        Secret(login.secret, Account.STADTFUNK if login.takes else Account.GRAFANA, shared=not login.takes)
        for login in LOGINS
    ),
    Secret("mqtt-ingest", Account.STADTFUNK),
    Secret("mqtt-simulator", Account.STADTFUNK),
    Secret("mqtt-monitor", Account.ROOT),
    Secret("mqtt-chirpstack", Account.ROOT),
    Secret("portal-admin", Account.ROOT),
    Secret("grafana-admin", Account.GRAFANA),
    Secret("grafana-secret-key", Account.GRAFANA),
    Secret("chirpstack-database", Account.POSTGRES),
    Secret("chirpstack-api", Account.ROOT),
)

TO_FILL: Final = {
    "alertmanager-smtp": Account.NOBODY,
    "alertmanager-on-call": Account.NOBODY,
    "alertmanager-watchdog": Account.NOBODY,
}
"""Secrets of other people's services, which an operator writes into empty files."""
