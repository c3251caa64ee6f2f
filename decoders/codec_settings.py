"""Settings of vendor codecs: which JavaScript file decodes a device, and what of its result is which reading.

Every mistake is told with its key and what was expected, before a codec runs.
"""

from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from decoders.json_path import JsonPath
from decoders.json_values import WrongType, converter, field_type
from decoders.quantities import Quantity
from decoders.readings import KINDS, QualityFlag, Reading, quantities
from decoders.units import known_units

KINDS_BY_NAME = {kind.kind: kind for kind in KINDS}
DECODER_NAME = r"^[a-z][a-z0-9_]{1,62}$"

_MAX_CHANNEL = 32_767


def _one_value(text: str) -> str:
    """A path that leads to one value at most."""
    if not JsonPath.parse(text).single:
        raise ValueError("expected a path to one value; [*] belongs into `each`")
    return text


def _elements(text: str) -> str:
    JsonPath.parse(text)
    return text


ValuePath = Annotated[str, Field(min_length=1), AfterValidator(_one_value)]
ListPath = Annotated[str, Field(min_length=1), AfterValidator(_elements)]
Constant = bool | int | float | str


class FieldSettings(BaseModel):
    """One field of a reading: where its value is and how it becomes one in the field's unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: ValuePath = Field(description="where the value is in the codec's result, e.g. `soil.moisture`")
    unit: str | None = Field(default=None, description="unit of the codec's value; it is converted")
    multiply: float | None = Field(default=None, allow_inf_nan=False, description="instead of `unit`: factor, first")
    add: float | None = Field(default=None, allow_inf_nan=False, description="instead of `unit`: summand, second")
    divide: float | None = Field(default=None, allow_inf_nan=False, description="instead of `unit`: divisor, last")
    values: dict[str, Constant] = Field(
        default_factory=dict, description="what the codec says: what it means, e.g. `{occupied: true, free: false}`"
    )
    faults: tuple[Constant, ...] = Field(
        default=(), description="values that stand for a fault of the sensor: no value then, and flag SENSOR_FAULT"
    )

    @model_validator(mode="after")
    def _one_conversion(self) -> Self:
        scaled = any(number is not None for number in (self.multiply, self.add, self.divide))
        if scaled and self.unit is not None:
            raise ValueError("expected either unit, or multiply, add and divide")
        if self.divide == 0 or self.multiply == 0:
            raise ValueError("multiply and divide: expected a number other than 0")
        if self.values and (scaled or self.unit is not None):
            raise ValueError("values: expected no conversion beside it; they are the field's own values")
        return self


def _path_alone(value: object) -> object:
    """`soil_moisture: soil.moisture` stands for `soil_moisture: {path: soil.moisture}`."""
    return {"path": value} if isinstance(value, str) else value


class ReadingSettings(BaseModel):
    """One reading of a codec's result, or one for every element of a list in it. Paths are relative to the element."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="reading kind, e.g. `tree_moisture`")
    each: ListPath | None = Field(default=None, description="list in the result; every element is a reading")
    when: ValuePath | None = Field(
        default=None, description="only where something is there: neither missing, null, false nor empty"
    )
    channel: Annotated[int, Field(ge=0, le=_MAX_CHANNEL)] | ValuePath | None = Field(
        default=None,
        description="number of the probe, or where it is; default: the place in the list, or 0 where there is a time",
    )
    subject: ValuePath | None = Field(default=None, description="where the meter's own number is")
    time: ValuePath | None = Field(
        default=None, description="where the time of measurement is: ISO 8601, or seconds or milliseconds since 1970"
    )
    history: bool = Field(default=False, description="the readings come from a datalog: flag HISTORY")
    flags: dict[str, ValuePath] = Field(
        default_factory=dict, description="flag: where something is when it is raised, e.g. `{METER_ERROR: error}`"
    )
    fields: dict[str, Annotated[FieldSettings, BeforeValidator(_path_alone)]] = Field(
        min_length=1, description="field of the kind: path of its value, or a section"
    )

    @model_validator(mode="after")
    def _fits_the_kind(self) -> Self:
        """Kind, flags, fields, units and values exist; every problem is told at once."""
        kind = KINDS_BY_NAME.get(self.kind)
        if kind is None:
            raise ValueError(f"kind: expected one of {', '.join(KINDS_BY_NAME)}, found {self.kind!r}")
        problems = [
            f"flags.{name}: no such flag; expected one of {_flags()}" for name in self.flags if not _is_flag(name)
        ]
        known = quantities(kind)
        for name, field in self.fields.items():
            problem = _field_problem(name, field, known, kind)
            if problem:
                problems.append(f"fields.{name}{problem}")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class CodecSettings(BaseModel):
    """A vendor's codec as a decoder. Without `readings` the normalised vocabulary of The Things Stack is understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(default="", description="file in `codecs_folder`; default: the decoder's name with .js")
    vendor: str = Field(default="", description="who makes the device")
    model: str = Field(default="", description="what the device is called")
    version: int = Field(default=1, ge=1, le=32_767, description="raise it with every change of results")
    profiles: tuple[str, ...] = Field(default=(), description="device profiles that this codec decodes")
    f_ports: tuple[Annotated[int, Field(ge=1, le=255)], ...] = Field(
        default=(), description="ports that the codec understands; default: any"
    )
    variables: dict[str, str] = Field(default_factory=dict, description="what the codec finds in `input.variables`")
    readings: tuple[ReadingSettings, ...] = Field(default=(), description="what of the result is which reading")


def _field_problem(name: str, field: FieldSettings, known: dict[str, Quantity], kind: type[Reading]) -> str:
    """What is wrong with one field, empty when nothing is."""
    if name not in known:
        near = get_close_matches(name, known, n=1)
        return f": no field of {kind.kind}; " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}")
    canonical = known[name].unit
    if field.unit is not None and field.unit not in known_units(canonical):
        units = ", ".join(known_units(canonical)) or "none: the field is no quantity"
        return f".unit: expected one of {units}, found {field.unit!r}"
    wrong = [said for said, meant in field.values.items() if not _holds(kind, name, meant)]
    return f".values: {', '.join(wrong)}: expected {_expected(kind, name)}" if wrong else ""


def _holds(kind: type[Reading], name: str, value: object) -> bool:
    try:
        converter(field_type(kind, name))(value)
    except WrongType:
        return False
    return True


def _expected(kind: type[Reading], name: str) -> str:
    expected = field_type(kind, name)
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return " or ".join(expected)
    names: dict[object, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a short text"}
    return names.get(expected, "a time")


def _is_flag(name: str) -> bool:
    return name in QualityFlag.__members__


def _flags() -> str:
    return ", ".join(QualityFlag.__members__)
