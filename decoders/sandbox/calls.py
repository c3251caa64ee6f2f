"""What goes into the sandbox and what comes out: codecs, calls and results as plain frozen data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class CodecFailure(StrEnum):
    """Why a codec gave no answer of its own: the same word in metric, log and test."""

    NOT_LOADED = "not_loaded"
    """It does not parse, its top level threw, or it has no function to call."""
    THREW = "threw"
    """Its function threw, or returned what is no data."""
    OVERRUN = "overrun"
    """It used up its time and was interrupted."""
    KILLED = "killed"
    """It could not be interrupted: its worker was killed."""
    MEMORY = "memory"
    """It used up its memory or its stack."""
    OVERSIZED = "oversized"
    """Its result is too large or nested too deeply."""
    QUARANTINED = "quarantined"
    """It was not run: it overran too often in a row."""
    UNAVAILABLE = "unavailable"
    """It was not run: the sandbox itself does not work. Said by who asked it."""


@dataclass(frozen=True)
class CodecSource:
    """A codec file: its name for messages and its text, exactly as the vendor wrote it."""

    name: str
    source: str

    @cached_property
    def digest(self) -> str:
        """Identity of the text: two codecs of the same text share one realm."""
        return sha256(self.source.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class CodecCall:
    """One payload for one codec.

    Attributes:
        received_at: UTC where it has no offset; the codec sees it as `recvTime`, and as the present.
        variables: configured per device or city; the codec sees them as `input.variables`.
    """

    codec: CodecSource
    payload: bytes
    f_port: int
    received_at: datetime
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CodecResult:
    """What a codec said about one payload, as JSON values.

    Attributes:
        data: the decoded object; None when there are errors.
        normalized: the measurements of the codec's `normalizeUplink`, empty where it has none.
        errors: the codec's own, or one that describes `failure`.
        failure: why the codec gave no answer of its own; None when it did, be it errors.
        console: what it printed, bounded.
    """

    data: Json = None
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    normalized: tuple[Mapping[str, Json], ...] = ()
    failure: CodecFailure | None = None
    console: tuple[str, ...] = ()
