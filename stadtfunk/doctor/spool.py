"""The spool: whether it can be written, how full it is, who holds it. Looked at without taking its lock."""

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config.settings import Settings
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.doctor.sizes import size
from storage.spool import SpoolSettings

NEARLY_FULL = 0.8
_LOCKS = Path("/proc/locks")


@dataclass(frozen=True, slots=True)
class SpoolFacts:
    """What is known from outside; `error` tells why the file cannot be read, `holder` who has locked it."""

    writable: bool
    messages: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    error: str = ""
    holder: int | None = None


async def check(settings: Settings) -> Sequence[Finding]:
    """Everything about the spool."""
    return judge(settings.spool, await asyncio.to_thread(look, settings.spool), now=datetime.now(UTC))


def look(settings: SpoolSettings) -> SpoolFacts:
    """The facts; the file is opened for reading only, and one that is not there is not made."""
    folder = settings.path.parent.absolute()
    there = next(one for one in (folder, *folder.parents) if one.is_dir())  # the service makes what is missing below
    writable = os.access(there, os.W_OK | os.X_OK)
    if writable and settings.path.exists():
        writable = os.access(settings.path, os.R_OK | os.W_OK)
    holder = _holder(settings.path.with_name(settings.path.name + ".lock"))
    if not settings.path.exists():
        return SpoolFacts(writable, holder=holder)
    try:
        messages, held, oldest = _measure(settings.path)
    except sqlite3.Error as error:
        return SpoolFacts(writable, error=str(error), holder=holder)
    since = None if oldest is None else datetime.fromtimestamp(oldest / 1e6, UTC)
    return SpoolFacts(writable, messages, held, since, holder=holder)


def judge(settings: SpoolSettings, facts: SpoolFacts, *, now: datetime) -> list[Finding]:
    """The findings that follow from the facts."""
    notes = Findings(Subject.SPOOL)
    path = settings.path
    if not facts.writable:
        notes.wrong(
            "writable",
            said("This user may not write the spool {path}.", path=path),
            said(
                "As root: `install -d -m 0700 -o stadtfunk -g stadtfunk {folder}`; run `doctor` as the service's user.",
                folder=path.parent,
            ),
        )
        return notes.found
    if facts.error:
        notes.wrong(
            "readable",
            said("The spool {path} cannot be read: {error}.", path=path, error=facts.error),
            said("Stop the service, move the file aside and keep it: it may hold messages; then start again."),
        )
        return notes.found
    share = facts.bytes / settings.max_bytes
    if share >= NEARLY_FULL:
        notes.wrong(
            "full",
            said(
                "The spool holds {held} of {limit}; when it is full, reading stops.",
                held=size(facts.bytes),
                limit=size(settings.max_bytes),
            ),
            said("Bring the database back, or raise `spool.max_bytes` and restart."),
        )
    elif facts.messages:
        oldest = facts.oldest or now
        notes.warn(
            "waiting",
            said(
                "{count} messages wait in the spool, the oldest for {minutes} min.",
                count=facts.messages,
                minutes=f"{max(0.0, (now - oldest).total_seconds() / 60):.0f}",
            ),
            said("They are stored as soon as the service runs and the database takes them."),
        )
    else:
        notes.well("empty", said("The spool {path} can be written and is empty.", path=path))
    if facts.holder is not None:
        notes.well("lock", said("Process {pid} holds the spool.", pid=facts.holder))
    return notes.found


def _measure(path: Path) -> tuple[int, int, int | None]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as database:
        row = database.execute(
            "SELECT count(*), coalesce(sum(length(payload) + length(topic)), 0), min(received_at) FROM message"
        ).fetchone()
    return row[0], row[1], row[2]


def _holder(lock: Path) -> int | None:
    """The process that holds the file lock, as the kernel lists it; None when nobody does or it does not tell."""
    try:
        inode = lock.stat().st_ino
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        parts = line.split()  # 1: FLOCK ADVISORY WRITE 1234 00:2d:567 0 EOF
        if len(parts) > 5 and parts[1] == "FLOCK" and parts[5].rpartition(":")[2] == str(inode):
            return int(parts[4])
    return None
