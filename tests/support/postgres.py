"""A private PostgreSQL for tests: one cluster per session, a fresh migrated database per test, and faults by pid."""

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage.embedded import SUPERUSER, Account, EmbeddedPostgres
from storage.migrate import migrate
from storage.settings import DatabaseSettings

TEMPLATE = "stadtfunk_template"
DEBIAN_PROGRAMS = max(
    Path("/usr/lib/postgresql").glob("*/bin"),
    key=lambda folder: int(folder.parent.name),
    default=Path("/usr/lib/postgresql/15/bin"),
)
_numbers = count(1)
Server = TypeVar("Server", bound="PostgresServer")


class PostgresServer(EmbeddedPostgres):
    """An embedded server that also listens on loopback, so that a proxy can stand before it, and that can be hurt.

    Args:
        durable: False turns fsync off, which only a power loss would notice.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir)
        self.port = _free_port()
        self._durable = durable

    def configuration(self) -> str:
        durability = "" if self._durable else "fsync = off\nfull_page_writes = off\n"
        return f"{super().configuration()}listen_addresses = '127.0.0.1'\nmax_connections = 100\n{durability}"

    def access_rules(self) -> str:
        return f"{super().access_rules()}host all all 127.0.0.1/32 trust\n"

    def tcp_dsn(self, database: str, *, port: int | None = None) -> str:
        """The connection string over TCP; `port` names a proxy's."""
        return make_conninfo(host="127.0.0.1", port=port or self.port, user=SUPERUSER, dbname=database)

    def stop_fast(self) -> None:
        """End as an operator does: sessions are cut, everything is written."""
        self._end(signal.SIGINT)

    def stop_immediate(self) -> None:
        """End as in a crash: recovery at the next start."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        assert pid is not None, "the server is not running"
        os.kill(pid, how)
        self._await_end(pid, 30.0)

    def processes(self) -> list[int]:
        """The postmaster and all its children."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "cwd").readlink() == self.cluster.resolve():
                    found.append(int(process.name))
        return found

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP every process of the server during the block: TCP lives, nothing answers."""
        found = self.processes()
        try:
            self._all(found, signal.SIGSTOP)
            yield
        finally:
            self._all(found, signal.SIGCONT)

    def _all(self, pids: Iterable[int], how: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):  # a connection ended by itself meanwhile
                os.kill(pid, how)

    @contextmanager
    def locked_table(self, database: str, table: str) -> Iterator[None]:
        """Hold an exclusive lock on `stadtfunk.<table>` during the block."""
        with psycopg.connect(self.dsn_of(database)) as connection:
            connection.execute(f"LOCK TABLE stadtfunk.{table} IN ACCESS EXCLUSIVE MODE")
            yield
            connection.rollback()

    def create_database(self, name: str, *, template: str = "template0") -> str:
        """A new database's DSN."""
        with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.dsn_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it."""
        with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class DebianServer(PostgresServer):
    """Debian's PostgreSQL (15 or later), which speaks TLS; the wheel's does not. Nothing is let in over plain TCP.

    Args:
        certificate, key: of the server, for 127.0.0.1.
        authority: certificates that clients may show.
    """

    locale = ("--locale=C.UTF-8",)

    def __init__(self, data_dir: Path, *, certificate: Path, key: Path, authority: Path) -> None:
        super().__init__(data_dir)
        self._files = {"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": authority}

    def programs(self, account: Account) -> Path:
        return DEBIAN_PROGRAMS

    def configuration(self) -> str:
        for name, file in self._files.items():  # the server reads its own copies, which nobody else may read
            copy = self.cluster / name
            shutil.copyfile(file, copy)
            shutil.chown(copy, self.cluster.stat().st_uid, self.cluster.stat().st_gid)
            copy.chmod(0o600)
        lines = [f"{name} = '{self.cluster / name}'" for name in self._files]
        return "\n".join([super().configuration(), "ssl = on", *lines, ""])

    def access_rules(self) -> str:
        return (
            "local all all trust\n"
            "hostssl all stadtfunk_certificate 127.0.0.1/32 cert\n"
            "hostssl all all 127.0.0.1/32 scram-sha-256\n"
        )


@contextmanager
def private_server(*, durable: bool = True) -> Iterator[PostgresServer]:
    """A running server on a data directory that goes with the block; for tests that stop or kill it."""
    with open_folder() as folder, running(PostgresServer(folder / "data", durable=durable)) as server:
        yield server


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Start `server` for the block; a test may stop, kill and start it meanwhile."""
    try:
        server.start()
        yield server
    finally:
        server.stop(mode=signal.SIGQUIT)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that a server can pass through, which runs as another user when tests run as root."""
    folder = Path(tempfile.mkdtemp(prefix="stadtfunk-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One cluster per session. A test that hurts the server takes `private_server` instead."""
    with private_server(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """Name of a database with this version's schema, to be copied."""
    dsn = postgres.create_database(TEMPLATE)
    asyncio.run(migrate(DatabaseSettings(dsn=dsn)))
    return TEMPLATE


@contextmanager
def fresh_database(server: PostgresServer, template: str = "template0") -> Iterator[str]:
    """DSN of a database that goes with the block."""
    name = f"test_{next(_numbers)}"
    yield server.create_database(name, template=template)
    server.drop_database(name)


@pytest.fixture
def database(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """DSN of a fresh, migrated database."""
    with fresh_database(postgres, migrated_template) as dsn:
        yield dsn


@pytest.fixture
def empty_database(postgres: PostgresServer) -> Iterator[str]:
    """DSN of a fresh database without any schema."""
    with fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture
def database_settings(database: str) -> DatabaseSettings:
    """Settings for the fresh, migrated database."""
    return DatabaseSettings(dsn=database)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
