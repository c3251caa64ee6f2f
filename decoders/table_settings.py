"""Settings of field tables: a decoder that is written into the city's configuration instead of into a Python file.

Every mistake is told with its key and what was expected, before an uplink is decoded.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from decoders.readings import KINDS, Reading, quantities
from decoders.refusals import Told, refused
from decoders.table_checks import problems
from decoders.table_fields import (
    LONGEST_PAYLOAD,
    ByteOrder,
    FlagName,
    Number,
    Offset,
    TableField,
    TextForm,
)

_KINDS = {kind.kind: kind for kind in KINDS}

Port = Annotated[int, Field(ge=1, le=255)]


class TableFormat(StrEnum):
    """How the payloads are built."""

    FIELDS = "fields"
    CAYENNE_LPP = "cayenne_lpp"


def _listed(value: object) -> object:
    """One value alone stands for a list of it."""
    return value if isinstance(value, (list, tuple)) else [value]


def _equals_alone(value: object) -> object:
    """`0: 3` stands for `0: {equals: 3}`."""
    return value if isinstance(value, dict) else {"equals": value}


class ByteCondition(BaseModel):
    """What a byte of the payload has to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    equals: Annotated[tuple[Annotated[int, Field(ge=0, le=255)], ...], BeforeValidator(_listed)] = Field(
        min_length=1, description="value of the masked bits, or a list of them"
    )
    mask: int = Field(default=255, ge=1, le=255, description="bits of the byte that are looked at")


class Condition(BaseModel):
    """When something holds: all that is given here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    f_port: Annotated[tuple[Port, ...], BeforeValidator(_listed)] = Field(
        default=(), description="port of the uplink, or a list of ports"
    )
    min_size: int = Field(default=0, ge=0, le=LONGEST_PAYLOAD, description="bytes of the payload at least")
    max_size: int = Field(default=LONGEST_PAYLOAD, ge=0, le=LONGEST_PAYLOAD, description="bytes of the payload at most")
    bytes: dict[Number, Annotated[ByteCondition, BeforeValidator(_equals_alone)]] = Field(
        default_factory=dict, description="offset: what the byte there has to be, e.g. `{0: 3}`"
    )

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        if self.min_size > self.max_size:
            text = f"expected at least {self.min_size}, as min_size is"
            raise refused(type(self).__name__, [(("max_size",), text)])
        far = [offset for offset in self.bytes if not 0 <= int(offset, 0) < LONGEST_PAYLOAD]
        if far:
            text = f"expected an offset from 0 to {LONGEST_PAYLOAD - 1}"
            raise refused(type(self).__name__, [(("bytes", offset), text) for offset in far])
        return self


class TableSubject(BaseModel):
    """Where the meter's or probe's own number stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    offset: Offset = Field(description="first byte")
    size: int = Field(ge=1, le=16, description="bytes")
    order: ByteOrder | None = Field(default=None, description="byte order; default: the table's")
    text: TextForm = Field(default=TextForm.HEX, description="how the bytes are read; digits in BCD are `hex`")


class TableReading(BaseModel):
    """One reading that a payload gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="reading kind, e.g. `tree_moisture`")
    channel: int = Field(default=0, ge=0, le=32_767, description="number of the probe, 0 the uppermost")
    when: Condition = Field(default_factory=Condition, description="which payloads have it; default: all")
    subject: TableSubject | None = Field(default=None, description="the meter's own number in the payload")
    flags: dict[FlagName, Condition] = Field(default_factory=dict, description="flag: when it is raised")
    fields: dict[str, TableField] = Field(description="field of the kind: where it stands")

    @property
    def model(self) -> type[Reading]:
        """The kind itself."""
        return _KINDS[self.kind]

    @model_validator(mode="wrap")
    @classmethod
    def _with_a_kind_that_has_the_fields(cls, written: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Names first, so that a misspelt one is told beside every other problem."""
        told = list(_misspelt(written))
        try:
            reading = handler(written)
        except ValidationError as error:
            raise refused(cls.__name__, told, error) from None
        if not told:
            told = [
                (("fields", name, *key), text)
                for name, field in reading.fields.items()
                for key, text in problems(reading.model, name, field)
            ]
        if not reading.fields:
            told.append((("fields",), "expected at least one field of the kind"))
        if told:
            raise refused(cls.__name__, told)
        return reading


def _misspelt(written: object) -> Iterator[Told]:
    """Kinds and fields that there are not; whatever has another form is left to pydantic."""
    if not isinstance(written, dict) or not isinstance(written.get("kind"), str):
        return
    kind = _KINDS.get(written["kind"])
    if kind is None:
        yield ("kind",), _instead(written["kind"], list(_KINDS))
        return
    fields = written.get("fields")
    known = list(quantities(kind))
    for name in fields if isinstance(fields, dict) else ():
        if name not in known:
            yield ("fields", str(name)), f"{kind.kind} has no such field; {_instead(str(name), known)}"


def _instead(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"expected one of {', '.join(known)}"


class TableSettings(BaseModel):
    """A decoder as a table of fields. What kinds it gives decides about privacy and retention, as everywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: str = Field(default="", description="who makes the device")
    model: str = Field(default="", description="what the device is called")
    version: int = Field(default=1, ge=1, le=32_767, description="raise it with every change of results")
    source: str = Field(min_length=1, description="where the layout is from: data sheet, manual, your own measurement")
    profiles: tuple[str, ...] = Field(default=(), description="device profiles that this table decodes")
    f_ports: tuple[Port, ...] = Field(default=(), description="ports that the table knows; default: any")
    format: TableFormat = Field(
        default=TableFormat.FIELDS, description="`fields` at fixed places, or `cayenne_lpp` items by channel and type"
    )
    order: ByteOrder = Field(default=ByteOrder.BIG, description="byte order of all numbers")
    size: int | None = Field(
        default=None, ge=1, le=LONGEST_PAYLOAD, description="bytes of a payload; a shorter one is refused"
    )
    readings: tuple[TableReading, ...] = Field(description="what a payload gives")

    @model_validator(mode="after")
    def _is_one_table(self) -> Self:
        """Readings fit the format and do not take each other's place; every problem is told at once."""
        told = [
            (("readings", number, *key), text)
            for number, reading in enumerate(self.readings)
            for key, text in (*self._misplaced(reading), *self._repeated(number))
        ]
        if not self.readings:
            told.append((("readings",), "expected at least one reading"))
        if self.size is not None and self.format is TableFormat.CAYENNE_LPP:
            told.append((("size",), "expected none, as the items of cayenne_lpp say themselves how long they are"))
        if told:
            raise refused(type(self).__name__, told)
        return self

    def _misplaced(self, reading: TableReading) -> Iterator[Told]:
        """Fields that the format does not have, or that lie behind the payload's end."""
        lpp = self.format is TableFormat.CAYENNE_LPP
        for name, field in reading.fields.items():
            key = ("fields", name)
            if field.offset is not None and lpp:
                yield (*key, "offset"), "expected channel and type, as the format is cayenne_lpp"
            elif field.type is not None and not lpp:
                yield (*key, "type"), "expected an offset, as the format is fields"
            elif self.size is not None and field.offset is not None and field.offset + field.width > self.size:
                yield key, f"{field.width} byte(s) from offset {field.offset} do not fit into a payload of {self.size}"
        if lpp and reading.subject is not None:
            yield ("subject",), "expected none, as nothing has a fixed place in cayenne_lpp"
        if lpp and reading.when.bytes:
            yield ("when", "bytes"), "expected none, as nothing has a fixed place in cayenne_lpp"

    def _repeated(self, number: int) -> Iterator[Told]:
        """Two readings of one kind and channel that come together: the database keeps one row for both."""
        mine = _place(self.readings[number])
        for earlier, other in enumerate(self.readings[:number]):
            if _place(other) == mine:
                yield ("channel",), f"readings[{earlier}] has this kind and channel, too; number the probes"


def _place(reading: TableReading) -> tuple[object, ...]:
    return reading.kind, reading.channel, reading.subject, reading.when
