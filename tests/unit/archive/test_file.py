"""The archive as a file: whole or not there; rows as COPY writes them; a sentence for every refusal."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtfunk.commands.db import sentence
from storage.archive.file import BLOCK, ArchiveReader, ArchiveWriter
from storage.archive.manifest import ArchivedTable, ArchiveRefused, Manifest, Refusal
from storage.archive.rows import columns_of, parse

ESCAPES = {"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def manifest(*tables: ArchivedTable) -> Manifest:
    return Manifest(
        program="0", taken_at=datetime(2026, 1, 1, tzinfo=UTC), server="18.6", timescale=None, households=True,
        migrations=(), kinds=(), tables=tables, sequences={},
    )  # fmt: skip


def as_copy_writes(value: str | None) -> str:
    return r"\N" if value is None else "".join(ESCAPES.get(char, char) for char in value)


@given(st.lists(st.lists(st.none() | TEXT, min_size=2, max_size=2), min_size=1))
def test_rows_are_read_as_copy_writes_them(rows: list[list[str | None]]) -> None:
    block = "".join("\t".join(map(as_copy_writes, row)) + "\n" for row in rows).encode()
    read = list(parse(block))
    assert read == rows
    assert columns_of(read) == [[row[0] for row in rows], [row[1] for row in rows]]


def test_no_rows_are_none() -> None:
    assert list(parse(b"")) == []


def test_blocks_end_with_rows_and_give_back_everything(tmp_path: Path) -> None:
    path, line = tmp_path / "a.zip", b"x" * 1000 + b"\n"
    with ArchiveWriter(path) as archive:
        with archive.table("t") as writer:
            for _ in range(2 * BLOCK // 1000):
                writer.write(line)
            described = writer.described("t", ["a"])
        archive.finish(manifest(described))
    with ArchiveReader(path) as found:
        blocks = list(found.blocks(found.manifest.tables[0]))
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) == line * (2 * BLOCK // 1000)


def test_what_is_not_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), ArchiveWriter(tmp_path / "a.zip") as archive, archive.table("t") as writer:
        writer.write(b"1\n")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_the_manifest_names_and_the_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        table = ArchivedTable(name="t", columns=("a",), rows=0, size=0, sha256="")
        archive.writestr("manifest.json", manifest(table).model_dump_json())
    with pytest.raises(ArchiveRefused) as refusal:
        ArchiveReader(path)
    assert refusal.value.reason is Refusal.NOT_WHOLE


@pytest.mark.parametrize("reason", Refusal)
def test_every_refusal_says_what_it_is_about(reason: Refusal) -> None:
    assert len(sentence(ArchiveRefused(reason, "detail"))) > 20
