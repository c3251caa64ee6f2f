"""The durable spool: messages that the database cannot take now, in a local SQLite file, fsynced before the ack.

It stores messages as received, so draining them is parsing them again with their own receive time. Order does not
matter, because every write is idempotent in event time. One process at a time: the file lock refuses a second one
even while the database is away.
"""

import fcntl
import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ROW_OVERHEAD = 64

RESERVE = 8 << 20
"""Bytes of the disk that the spool leaves free: without room for its journal it could not even delete what is stored,
and would never shrink again."""
_REMOVED_AT_ONCE = 1 << 20
"""Bytes that one transaction deletes: they are overwritten (`secure_delete`), so its journal grows by as much."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    topic       TEXT NOT NULL,
    payload     BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    qos         INTEGER NOT NULL,
    retain      INTEGER NOT NULL
)
"""


class SpoolSettings(BaseModel):
    """Where messages wait while the database is away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(Path("var/spool.sqlite"), description="File of the spool; its folder must be on a local disk.")
    max_bytes: int = Field(
        1 << 30, ge=1 << 20, description="When the spool holds this many bytes, reading stops; nothing is dropped."
    )


class SpooledMessage(NamedTuple):
    """One message as received; `id` is 0 before it is spooled."""

    id: int
    source: str
    topic: str
    payload: bytes
    received_at: datetime
    qos: int
    retain: bool


class SpoolUnavailable(Exception):
    """The spool is full or its file cannot be written: stop acking and reading, keep the messages with the sender."""


class SpoolLocked(Exception):
    """Another Stadtfunk uses this spool."""


class Spool:
    """An open spool. Methods block for a disk write: call them in a thread.

    Raises:
        SpoolLocked: another process holds it.
        SpoolUnavailable: the file cannot be opened or is damaged; the message says what to do.
    """

    def __init__(self, settings: SpoolSettings) -> None:
        self._settings = settings
        self._path = settings.path
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self._path.with_name(self._path.name + ".lock"))
        try:
            self._database = self._open()
        except (sqlite3.Error, OSError) as error:
            os.close(self._lock)
            raise SpoolUnavailable(
                f"spool {self._path} cannot be opened ({error}); if it is damaged, move it aside and keep it"
            ) from error
        self.depth = 0
        self.bytes = 0
        self.oldest: datetime | None = None
        self._measure()

    def append(self, messages: Iterable[SpooledMessage]) -> None:
        """Keep `messages`; when this returns they are on disk.

        Raises:
            SpoolUnavailable: they are not kept.
        """
        kept = list(messages)
        rows = [(m.source, m.topic, m.payload, _to_micros(m.received_at), m.qos, m.retain) for m in kept]
        size = sum(map(_size, kept))
        self._check_room(size)
        with self._transaction() as database:
            database.executemany(
                "INSERT INTO message (source, topic, payload, received_at, qos, retain) VALUES (?, ?, ?, ?, ?, ?)", rows
            )
        self.depth += len(rows)
        self.bytes += size
        earliest = min((row[3] for row in rows), default=None)
        if earliest is not None and (self.oldest is None or earliest < _to_micros(self.oldest)):
            self.oldest = _from_micros(earliest)

    def head(self, limit: int) -> list[SpooledMessage]:
        """The `limit` messages that were spooled first.

        Raises:
            SpoolUnavailable: the file cannot be read.
        """
        with self._transaction() as database:
            rows = database.execute(
                "SELECT id, source, topic, payload, received_at, qos, retain FROM message ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
        return [
            SpooledMessage(number, source, topic, payload, _from_micros(at), qos, bool(retain))
            for number, source, topic, payload, at, qos, retain in rows
        ]

    def remove(self, messages: Sequence[SpooledMessage]) -> None:
        """Forget messages that `head` gave, now that they are stored; those that are forgotten already do not matter.

        Raises:
            SpoolUnavailable: some of them are still there.
        """
        for portion in _portions(messages):
            with self._transaction() as database:
                deleted = database.executemany("DELETE FROM message WHERE id = ?", [(one.id,) for one in portion])
            if deleted.rowcount == len(portion):
                self.depth -= len(portion)
                self.bytes -= sum(map(_size, portion))
            else:
                self._measure()
        self._find_oldest()

    def expire(self, before: datetime) -> int:
        """Delete what was received before `before`, because retention forbids keeping it; returns how many."""
        with self._transaction() as database:
            expired = database.execute("DELETE FROM message WHERE received_at < ?", (_to_micros(before),)).rowcount
        if expired:
            log.warning("spool_expired messages=%d before=%s", expired, before.isoformat())
            self._measure()
        return expired

    def close(self) -> None:
        """Close the file and let others have it."""
        self._database.close()
        os.close(self._lock)

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        self._path.chmod(0o600)
        database = sqlite3.connect(self._path, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA secure_delete = ON")
        database.execute(_SCHEMA)
        database.commit()
        return database

    def _check_room(self, size: int) -> None:
        if self.bytes + size > self._settings.max_bytes:
            raise SpoolUnavailable(f"spool {self._path} is full ({self._settings.max_bytes} bytes)")
        free = shutil.disk_usage(self._path.parent).free
        if free < RESERVE + size:
            raise SpoolUnavailable(f"the disk of spool {self._path} is full: {free >> 20} MiB are left")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._database:
                yield self._database
        except sqlite3.Error as error:
            raise SpoolUnavailable(f"spool {self._path} cannot be used ({error})") from error

    def _measure(self) -> None:
        with self._transaction() as database:
            self.depth, size = database.execute(
                "SELECT count(*), coalesce(sum(length(payload) + length(CAST(topic AS BLOB))), 0) FROM message"
            ).fetchone()
        self.bytes = size + self.depth * _ROW_OVERHEAD
        self._find_oldest()

    def _find_oldest(self) -> None:
        """What was spooled first was received first, or nearly so; no scan of a long spool for less."""
        with self._transaction() as database:
            row = database.execute("SELECT received_at FROM message ORDER BY id LIMIT 1").fetchone()
        self.oldest = None if row is None else _from_micros(row[0])


def _size(message: SpooledMessage) -> int:
    return len(message.payload) + len(message.topic.encode()) + _ROW_OVERHEAD


def _portions(messages: Sequence[SpooledMessage]) -> Iterator[list[SpooledMessage]]:
    """`messages` in transactions of bounded size."""
    portion: list[SpooledMessage] = []
    size = 0
    for message in messages:
        portion.append(message)
        size += _size(message)
        if size >= _REMOVED_AT_ONCE:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise SpoolLocked(f"another Stadtfunk holds {path}") from None
    return handle


def _to_micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _from_micros(value: int) -> datetime:
    return _EPOCH + value * _MICROSECOND
