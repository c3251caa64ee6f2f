"""The archive as a file: written beside its name and renamed when it is whole; read as a stream, with its checksums."""

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from pydantic import ValidationError

from storage.archive.manifest import MANIFEST, ArchivedTable, ArchiveRefused, Manifest, Refusal, member

BLOCK = 1 << 18
_FAST = 1
"""Compression level: higher ones win a tenth of the size for several times the time."""


class TableWriter:
    """Takes the rows of one table, in blocks that end with a row."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self.rows = 0
        self.size = 0

    def write(self, rows: bytes | bytearray | memoryview) -> None:
        """Add whole rows; a line end inside a value is escaped, so every one ends a row."""
        self._buffer += rows
        if len(self._buffer) >= BLOCK:
            self.flush()

    def flush(self) -> None:
        """Hand on what is buffered."""
        self.rows += self._buffer.count(b"\n")
        self.size += len(self._buffer)
        self._digest.update(self._buffer)
        self._file.write(self._buffer)
        self._buffer = bytearray()

    def described(self, name: str, columns: Sequence[str]) -> ArchivedTable:
        """What the manifest says of it."""
        self.flush()
        digest = self._digest.hexdigest()
        return ArchivedTable(name=name, columns=tuple(columns), rows=self.rows, size=self.size, sha256=digest)


class ArchiveWriter:
    """An archive in the making; `finish` gives it its name, leaving the block without that removes it.

    Raises:
        ArchiveRefused: there is a file of that name.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise ArchiveRefused(Refusal.EXISTS, str(path))
        self._path = path
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)  # mode 0600
        self._partial = Path(name)
        self._file = os.fdopen(handle, "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, ValueError):
            self._zip.close()
        with suppress(OSError):
            self._file.close()
        self._partial.unlink(missing_ok=True)

    @contextmanager
    def table(self, name: str) -> Iterator[TableWriter]:
        """A writer for the rows of one table."""
        with self._zip.open(member(name), "w", force_zip64=True) as file:
            writer = TableWriter(file)
            yield writer
            writer.flush()

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, and give the file its name once all of it is on disk."""
        self._zip.writestr(MANIFEST, manifest.model_dump_json(indent=2))
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._partial.rename(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class ArchiveReader:
    """A whole archive.

    Raises:
        ArchiveRefused: it is none, or was cut.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            raise ArchiveRefused(Refusal.NOT_WHOLE, str(path)) from None
        try:
            self.manifest = Manifest.model_validate_json(self._zip.read(MANIFEST))
            missing = {table.member for table in self.manifest.tables} - set(self._zip.namelist())
        except (KeyError, ValidationError, zipfile.BadZipFile, zlib.error):
            self._zip.close()
            raise ArchiveRefused(Refusal.NOT_WHOLE, str(path)) from None
        if missing:
            self._zip.close()
            raise ArchiveRefused(Refusal.NOT_WHOLE, str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def blocks(self, table: ArchivedTable) -> Iterator[bytes]:
        """The table's rows in blocks, each ending with a row; raises at the end unless they are what was written.

        Raises:
            ArchiveRefused: the checksum or the number of rows is another.
        """
        digest, rows, rest = hashlib.sha256(), 0, b""
        try:
            with self._zip.open(table.member) as file:
                while read := file.read(BLOCK):
                    digest.update(read)
                    rows += read.count(b"\n")
                    whole, end, rest = (rest + read).rpartition(b"\n")
                    if end:
                        yield whole + end
        except (zipfile.BadZipFile, zlib.error, EOFError):
            raise ArchiveRefused(Refusal.DAMAGED, table.name) from None
        if rest or (rows, digest.hexdigest()) != (table.rows, table.sha256):
            raise ArchiveRefused(Refusal.DAMAGED, table.name)
