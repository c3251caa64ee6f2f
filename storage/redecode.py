"""Runs of decoding again: what was chosen, how far each part came, what it counted. Made, found, ended.

One run is unfinished at a time, which a unique index keeps so; it can be continued after any kind of end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from storage.arrays import encode
from storage.batch import DecoderKey
from storage.database import Connection
from storage.redecode_tally import Tally, total
from storage.statements import load

_QUERIES = load("redecode")
_WRITER = load("writer")

LOCK = "redecode"
"""Advisory lock of whoever runs or undoes a run."""


class RunState(StrEnum):
    """Where a run is in its life."""

    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Refusal(StrEnum):
    """Why a run cannot be made, continued or undone."""

    UNKNOWN_RUN = "unknown_run"
    UNKNOWN_DECODER = "unknown_decoder"
    UNKNOWN_DEVICE = "unknown_device"
    AT_WORK = "at_work"
    """Another process decodes again or undoes a run."""
    UNFINISHED = "unfinished"
    """Another run was begun and did not end."""
    NONE_UNFINISHED = "none_unfinished"
    UNDOING = "undoing"
    """The undo of a run was begun and did not end."""
    CHANGED = "changed"
    """The run cannot be continued: it began with other decoders."""
    UNDONE = "undone"
    LATER_RUN = "later_run"
    """A later run would have to be undone first."""
    EXPIRED = "expired"
    """What the run replaced is not kept any more."""


class RunRefused(Exception):
    """Nothing was done.

    Attributes:
        reason: why.
        details: names and numbers for the sentence that people read.
    """

    def __init__(self, reason: Refusal, **details: object) -> None:
        super().__init__(f"{reason}: {details}")
        self.reason = reason
        self.details = details


@dataclass(frozen=True, slots=True)
class Selection:
    """Which uplinks: those whose network-server time is in [since, until), of one decoder or device or of all."""

    since: datetime
    until: datetime
    decoder: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a run's devices and how far it came."""

    part: int
    parts: int
    position: datetime
    tally: Tally


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is stored.

    Attributes:
        decoders: version and file hash of the decoders that decode, by name.
    """

    id: int
    selection: Selection
    decoders: Mapping[str, Mapping[str, object]]
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    parts: tuple[Part, ...] = ()

    @property
    def tally(self) -> Tally:
        """What all parts counted so far."""
        return total(part.tally for part in self.parts)


async def create_run(
    connection: Connection, selection: Selection, decoders: Sequence[DecoderKey], *, parts: int
) -> Run:
    """A new run at its beginning."""
    values = {
        "decoder": selection.decoder,
        "device": selection.device,
        "since": selection.since,
        "until": selection.until,
        "decoders": Jsonb(described(decoders)),
    }
    async with connection.transaction():
        row = await (await connection.execute(_QUERIES["create_run"], values)).fetchone()
        assert row is not None
        for part in range(parts):
            await connection.execute(
                _QUERIES["create_part"],
                {"run": row[0], "part": part, "parts": parts, "position": selection.since},
            )
    return await find_run(connection, row[0])


async def find_run(connection: Connection, run: int) -> Run:
    """The run with this number.

    Raises:
        RunRefused: there is none.
    """
    found = await _runs(connection, "runs", {"run": run, "limit": 1})
    if not found:
        raise RunRefused(Refusal.UNKNOWN_RUN, run=run)
    return found[0]


async def find_runs(connection: Connection, *, limit: int) -> list[Run]:
    """The newest runs."""
    return await _runs(connection, "runs", {"run": None, "limit": limit})


async def unfinished_run(connection: Connection) -> Run | None:
    """The run that was begun and has not ended, whether anybody works on it or not."""
    found = await _runs(connection, "unfinished_run", {})
    return found[0] if found else None


async def later_run(connection: Connection, run: int) -> int | None:
    """The number of a run after this one that is not undone."""
    row = await (await connection.execute(_QUERIES["later_run"], {"run": run})).fetchone()
    return None if row is None else row[0]


async def set_state(connection: Connection, run: int, state: RunState) -> None:
    """Write where the run is now."""
    finished = state in (RunState.DONE, RunState.UNDONE)
    await connection.execute(_QUERIES["set_state"], {"run": run, "state": state, "finished": finished})


async def decoder_ids(connection: Connection, keys: Sequence[DecoderKey]) -> dict[DecoderKey, int]:
    """The ids of decoder versions, which are made where they are missing."""
    if not keys:
        return {}
    names, versions, hashes = (list(column) for column in zip(*sorted(keys), strict=True))
    named = encode("text", names)
    await connection.execute(_WRITER["ensure_decoders"], (named, encode("integer", versions), encode("text", hashes)))
    cursor = await connection.execute(_WRITER["find_decoders"], (named,))
    return {DecoderKey(*row[:3]): row[3] for row in await cursor.fetchall()}


def described(decoders: Sequence[DecoderKey]) -> dict[str, dict[str, object]]:
    """Decoders as a run remembers them."""
    return {key.name: {"version": key.version, "file_hash": key.file_hash} for key in sorted(decoders)}


async def _runs(connection: Connection, query: str, values: Mapping[str, object]) -> list[Run]:
    rows = await (await connection.execute(_QUERIES[query], values)).fetchall()
    parts = await _parts(connection, [row[0] for row in rows]) if rows else {}
    return [_run(row, tuple(parts.get(row[0], ()))) for row in rows]


def _run(row: tuple[Any, ...], parts: tuple[Part, ...]) -> Run:
    run, decoder, device, since, until, decoders, state, started_at, finished_at = row
    selection = Selection(since, until, decoder, device)
    return Run(run, selection, decoders, RunState(state), started_at, finished_at, parts)


async def _parts(connection: Connection, runs: Sequence[int]) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = {}
    cursor = await connection.execute(_QUERIES["parts"], {"runs": list(runs)})
    for run, part, parts, position, counts in await cursor.fetchall():
        found.setdefault(run, []).append(Part(part, parts, position, Tally.from_counts(counts)))
    return found
