"""Files that hold secrets, and folders that hold people's data: who else may read or write them."""

import asyncio
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.secrets import secrets_of
from config.settings import Settings
from stadtfunk.certificates import AUTHORITIES, OWN, REVOCATIONS
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.named_files import named_files
from stadtfunk.scope import EVERYTHING, Scope

_PUBLIC = OWN | AUTHORITIES | REVOCATIONS
_CONFIGURATION_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file or folder with something that not everybody may see.

    Attributes:
        setting: the key that names it.
    """

    setting: str
    path: Path
    is_folder: bool = False


async def check(settings: Settings, scope: Scope = EVERYTHING) -> Sequence[Finding]:
    """The modes of everything that should be guarded."""
    return await asyncio.to_thread(_check, settings, scope)


def _check(settings: Settings, scope: Scope) -> list[Finding]:
    found: list[Finding] = []
    count = 0
    for one in everything(settings, scope):
        try:
            seen = one.path.stat()
        except OSError:
            continue  # what is missing is told where it is used
        count += 1
        found += judge(one, mode=seen.st_mode, group=seen.st_gid, our_group=os.getegid())
    if not found and count:
        notes = Findings(Subject.FILES)
        notes.well("modes", said("{count} files and folders with secrets are closed to others.", count=count))
        return notes.found
    return found


def everything(settings: Settings, scope: Scope = EVERYTHING) -> Iterator[Guarded]:
    """Every secret's file, the configuration itself when secrets stand in it, and folders of data."""
    yield from (one for one in _named(settings) if scope.uses(one.setting))
    if settings.file is not None and _holds_secrets(settings, settings.file):
        yield Guarded("configuration", settings.file)


def judge(one: Guarded, *, mode: int, group: int, our_group: int) -> list[Finding]:
    """Who else may read or write it.

    Args:
        our_group: a file that this group may read is not open: user-private groups and shared secrets are so.
    """
    notes = Findings(Subject.FILES, one.setting)
    wanted = "0700" if one.is_folder else "0600"
    mend = said("`chmod {mode} {path}`", mode=wanted, path=one.path)
    shown = f"{stat.S_IMODE(mode):04o}"
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        notes.wrong(
            "modes", said("Everybody on this machine may read {path} (mode {mode}).", path=one.path, mode=shown), mend
        )
    elif mode & stat.S_IWGRP and group not in (0, our_group):
        notes.wrong("modes", said("Another group may change {path} (mode {mode}).", path=one.path, mode=shown), mend)
    elif mode & stat.S_IRGRP and group not in (0, our_group):
        notes.warn("modes", said("Another group may read {path} (mode {mode}).", path=one.path, mode=shown), mend)
    return notes.found


def _named(settings: Settings) -> Iterator[Guarded]:
    yield from (Guarded(key, path) for key, path in named_files(settings) if _is_secret(key.rpartition(".")[2]))
    yield Guarded("spool.path", settings.spool.path)
    yield Guarded("charging.state_dir", settings.charging.state_dir, is_folder=True)
    if settings.database.embedded:
        yield Guarded("database.data_dir", settings.database.data_dir, is_folder=True)


def _is_secret(name: str) -> bool:
    return (name.endswith("_file") or name == "sslkey") and name not in _PUBLIC


def _holds_secrets(settings: Settings, file: Path) -> bool:
    """Whether one of the secrets stands in the file itself."""
    try:
        if file.stat().st_size > _CONFIGURATION_LIMIT:
            return False
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return any(secret in content for secret in secrets_of(settings))
