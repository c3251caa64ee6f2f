"""Vectors: payloads with hand-checked readings, in a JSON file per decoder, read with every mistake told clearly.

A vector file is a list of objects: `name`, `f_port`, `hex`, `source` and either `readings` or `error`; optional are
`vendor` (the vendor's own expectation, as published), `deviates` (fields in which ours differs on purpose), `note`,
and `silent` (bytes that mean nothing here, with the reason: `{"6-9": "tag id, personal"}`). `TODO` in the place of
`hex`, `readings` or `source` is a vector that waits for its author.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from decoders.errors import RejectReason
from decoders.registry import BUILT_IN, Entry, Origin
from decoders.uplink import Uplink

AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
DEVICE = "70b3d57ed0000001"
TODO = "TODO"

_REPOSITORY = BUILT_IN.parents[1]


class VectorError(Exception):
    """A vector file that cannot be used; the text says where and why."""


def _bytes(written: object) -> bytes:
    if not isinstance(written, str):
        raise ValueError("expected a text of hex digits")
    return b"" if written == TODO else bytes.fromhex(written)


def _offsets(span: str) -> range:
    """`6` or `6-9` as offsets."""
    first, _, last = span.partition("-")
    return range(int(first), int(last or first) + 1)


def _span(written: str) -> str:
    if not written.replace("-", "", 1).isdigit():
        raise ValueError("expected an offset or a range of offsets, as in 6-9")
    return written


class Case(BaseModel):
    """One vector.

    Attributes:
        readings: expected readings in order; None when `error` is expected or nothing yet.
        vendor: what the vendor's codec or a published example says, as it is.
        deviates: fields in which the canonical values differ from the vendor's on purpose; `note` says why.
        silent: ranges of bytes that give no value here, each with the reason.
        todo: keys that wait for the author.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decoder: str
    name: str
    f_port: int = Field(ge=0, le=255)
    payload: Annotated[bytes, BeforeValidator(_bytes, json_schema_input_type=str)] = Field(alias="hex")
    source: str = ""
    readings: tuple[dict[str, object], ...] | None = None
    error: RejectReason | None = None
    vendor: dict[str, object] | None = None
    deviates: tuple[str, ...] = ()
    note: str = ""
    silent: dict[Annotated[str, AfterValidator(_span)], str] = Field(default_factory=dict)
    todo: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_to_do(cls, entry: object) -> object:
        if not isinstance(entry, dict):
            return entry
        done = {name: value for name, value in entry.items() if name == "hex" or value != TODO}
        return done | {"todo": [name for name, value in entry.items() if value == TODO]}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.readings is not None and self.error is not None:
            raise ValueError("readings and error exclude each other")
        if self.silent_bytes and max(self.silent_bytes) >= len(self.payload):
            raise ValueError(f"silent: expected offsets below {len(self.payload)}, the size of the payload")
        return self

    def __str__(self) -> str:
        return f"{self.decoder}-{self.name}"

    @property
    def silent_bytes(self) -> frozenset[int]:
        """Offsets that `silent` declares."""
        return frozenset(offset for span in self.silent for offset in _offsets(span))


def vector_file(entry: Entry) -> Path:
    """Where a decoder's vectors lie: `<name>.vectors.json` beside its file; of built-in ones in `tests/vectors/`."""
    if entry.origin is Origin.BUILT_IN:
        return _REPOSITORY / "tests" / "vectors" / f"{entry.decoder.name}.json"
    return entry.path.with_name(f"{entry.decoder.name}.vectors.json")


def vectors_of(entry: Entry) -> list[Case]:
    """The decoder's vectors; none when it has no file.

    Raises:
        VectorError: the file or a vector in it is no vector.
    """
    return read_vectors(vector_file(entry), entry.decoder.name)


def read_vectors(path: Path, decoder: str) -> list[Case]:
    """The vectors of a file; none when there is no file.

    Raises:
        VectorError: the file or a vector in it is no vector.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise VectorError(f"{path.name}: {error}") from None
    if not isinstance(content, list):
        raise VectorError(f"{path.name}: expected a list of vectors")
    return [_case(decoder, entry, f"{path.name}: vector {number}") for number, entry in enumerate(content, start=1)]


def uplink(payload: bytes, f_port: int) -> Uplink:
    """An uplink of one fixed device at one fixed time."""
    return Uplink(source="test", dev_eui=DEVICE, f_cnt=1, f_port=f_port, payload=payload, ns_time=AT, received_at=AT)


def _case(decoder: str, entry: object, where: str) -> Case:
    if not isinstance(entry, dict):
        raise VectorError(f"{where}: expected an object")
    try:
        return Case.model_validate({"decoder": decoder} | entry)
    except ValidationError as error:
        name = entry.get("name", "without a name")
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in error.errors()]
        raise VectorError(f"{where} ({name}): {'; '.join(problems)}") from None
