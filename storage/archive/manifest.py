"""What an archive says of itself: `manifest.json`, the first thing to read and the last one that is written.

An archive is a ZIP file. `tables/<name>.tsv` holds a table's rows in PostgreSQL's text format of COPY (UTF-8, tabs,
`\\N` for NULL), whose columns the manifest names. A file that was cut has no manifest and no directory, so it is never
taken for a whole one. `docs/howto/backup.md` is the description for people.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

MANIFEST = "manifest.json"


class Refusal(StrEnum):
    """Why an archive is not written or not taken."""

    EXISTS = "exists"
    NO_TABLES = "no_tables"
    UNKNOWN_SCHEMA = "unknown_schema"
    NOT_WHOLE = "not_whole"
    NEWER = "newer"
    OTHER_MIGRATION = "other_migration"
    UNKNOWN_KIND = "unknown_kind"
    OTHER_SCHEMA = "other_schema"
    NOT_EMPTY = "not_empty"
    IN_USE = "in_use"
    TOO_FEW_LOCKS = "too_few_locks"
    DAMAGED = "damaged"
    UNKNOWN_COLUMN = "unknown_column"


class ArchiveRefused(Exception):
    """The archive is not written or not taken, and nothing was changed.

    Attributes:
        detail: what it is about, such as a table's name; never a value of a row.
    """

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = detail


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Applied(_Record):
    """A migration of the database that the archive comes from."""

    version: int
    name: str
    checksum: str


class KindVersion(_Record):
    """One version of a reading kind with all its columns, name → type."""

    kind: str
    version: int
    columns: dict[str, str]
    applied_at: datetime


class ArchivedTable(_Record):
    """A table's rows; `sha256` and `size` are those of its member, uncompressed."""

    name: str
    columns: tuple[str, ...]
    rows: int
    size: int
    sha256: str

    @property
    def member(self) -> str:
        """The file inside the archive."""
        return member(self.name)


class Manifest(_Record):
    """Everything about an archive but its rows.

    Attributes:
        taken_at: the moment of the one snapshot that all rows come from.
        households: False when households were left out.
        sequences: last numbers given out, by sequence.
    """

    format: Literal["stadtfunk-archive"] = "stadtfunk-archive"
    version: Literal[1] = 1
    program: str
    taken_at: datetime
    server: str
    timescale: str | None
    households: bool
    migrations: tuple[Applied, ...]
    kinds: tuple[KindVersion, ...]
    tables: tuple[ArchivedTable, ...]
    sequences: dict[str, int]

    @property
    def schema_version(self) -> int:
        """The newest migration."""
        return max((one.version for one in self.migrations), default=0)

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(table.rows for table in self.tables)


def member(table: str) -> str:
    """The file of a table's rows inside the archive."""
    return f"tables/{table}.tsv"
