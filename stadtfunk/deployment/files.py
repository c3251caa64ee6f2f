"""Files that only their reader may open, written once and as a whole."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from stadtfunk.deployment.parts import Account

_RANDOM_BYTES = 32


@dataclass(slots=True)
class Folder:
    """One folder of secrets.

    Args:
        own: give each file to the account that reads it (needs root); else it stays ours.

    Attributes:
        written: names of files that were made or changed.
    """

    path: Path
    own: bool
    written: list[str] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return (self.path / name).exists()

    def read(self, name: str) -> bytes:
        """The file's content; empty when there is none."""
        return (self.path / name).read_bytes() if self.has(name) else b""

    def random(self, name: str, owner: Account, *, shared: bool = False) -> str:
        """The secret of that name; a new one only where none is."""
        if not self.read(name).strip():
            self.write(name, f"{secrets.token_urlsafe(_RANDOM_BYTES)}\n".encode(), owner, shared=shared)
        self._give(self.path / name, owner, shared=shared)
        return self.read(name).decode().strip()

    def write(self, name: str, content: bytes, owner: Account, *, shared: bool = False, public: bool = False) -> None:
        """Make the file's content `content`; one that is as wanted keeps its time.

        Args:
            shared: the group of Stadtfunk may read it, too.
            public: everybody may read it.
        """
        path = self.path / name
        if self.read(name) != content:
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            fresh = path.with_name(f".{name}.new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self._give(fresh, owner, shared=shared, public=public)
            fresh.replace(path)
            self.written.append(name)
        self._give(path, owner, shared=shared, public=public)

    def _give(self, path: Path, owner: Account, *, shared: bool = False, public: bool = False) -> None:
        mode = 0o644 if public else 0o600
        if self.own and owner is not Account.ROOT:
            os.chown(path, owner, Account.STADTFUNK if shared else owner)
            mode = 0o644 if public else 0o440 if shared else 0o400
        path.chmod(mode)
