"""`Reading`: what every reading has, and the one door through which measured values pass.

A fault code in a payload becomes None plus a `QualityFlag`, never a number.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import IntFlag
from sys import float_info
from types import MappingProxyType, NoneType
from typing import ClassVar, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict

from decoders.quantities import Quantity
from decoders.uplink import Privacy, Uplink


class QualityFlag(IntFlag):
    """What is known about a reading's trustworthiness; stored as a bit set."""

    SENSOR_FAULT = 1
    OUT_OF_RANGE = 2
    FROZEN = 4
    CLOCK = 8
    STARTUP = 16
    METER_ERROR = 32
    ESTIMATED = 64
    HISTORY = 128
    """From a datalog or retransmission inside a later uplink."""
    NO_SENSOR = 256
    """The probe is not connected: nothing was measured."""


class Reading(BaseModel):
    """The common part of every reading.

    Attributes:
        device: DevEUI of the transmitting device.
        subject: meter or probe id inside the payload; empty for the device itself.
        channel: probe or register number, 0 by default.
        observed_at: time of the measurement (UTC, whole seconds).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    kind: ClassVar[str]
    title: ClassVar[str]
    privacy: ClassVar[Privacy] = Privacy.PUBLIC

    device: str
    subject: str = ""
    channel: int = 0
    observed_at: datetime
    flags: QualityFlag = QualityFlag(0)

    @classmethod
    def of(
        cls,
        uplink: Uplink,
        measured: Mapping[str, object] = MappingProxyType({}),
        /,
        *,
        observed_at: datetime | None = None,
        flags: QualityFlag = QualityFlag(0),
        subject: str = "",
        channel: int = 0,
        **values: object,
    ) -> Self:
        """Build a reading of `uplink`'s device; the one door through which values pass.

        An implausible or non-finite value becomes None with OUT_OF_RANGE. Without `observed_at` the reading
        takes the uplink's best credible time, rounded to the second. `measured` holds values by field name, like
        the keywords.

        Raises:
            pydantic.ValidationError: an unknown field or a value of the wrong type.
        """
        if measured:
            values.update(measured)
        plan = _PLANS.get(cls) or _plan(cls)
        columns = plan.columns
        exact = type(subject) is str and type(channel) is int
        for name, value in values.items():
            if value is None:
                continue
            expected, low, high = columns.get(name, _UNKNOWN)
            if type(value) is expected:
                if low is None or low <= value <= high:  # type: ignore[operator]  # NaN fails it, too
                    continue
            else:
                exact = False
                if low is None or not isinstance(value, (int, float)) or low <= value <= high:
                    continue
            values[name] = None
            flags |= QualityFlag.OUT_OF_RANGE
        values["device"] = uplink.dev_eui
        values["subject"] = subject
        values["channel"] = channel
        values["observed_at"] = _observed(uplink) if observed_at is None else whole_second(observed_at)
        values["flags"] = flags
        fields = plan.defaults.copy()
        fields.update(values)
        if exact and len(fields) == len(plan.defaults):
            return cls._built(fields, set(values))
        return cls.model_validate(values)

    @classmethod
    def _built(cls, fields: dict[str, object], given: set[str]) -> Self:
        """An instance of fields that are complete and of the exact types: pydantic's `model_construct`, a third of it.

        This is the hot path (two readings per uplink); a test compares it with a validated instance.
        """
        reading = _new(cls)
        _set_fields(reading, fields)
        _set_given(reading, given)
        _set_extra(reading, None)
        _set_private(reading, None)
        return reading


_new = object.__new__
_set_fields = BaseModel.__dict__["__dict__"].__set__
_set_given = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_set_extra = BaseModel.__dict__["__pydantic_extra__"].__set__
_set_private = BaseModel.__dict__["__pydantic_private__"].__set__


def whole_second(at: datetime) -> datetime:
    """`at` rounded down to the second, so that a datalog's repeat meets the live reading's key."""
    return at.replace(microsecond=0)


_recent: tuple[Uplink | None, datetime] = (None, datetime(1970, 1, 1, tzinfo=UTC))


def _observed(uplink: Uplink) -> datetime:
    """The uplink's best credible time to the second: one object for all of its readings."""
    global _recent
    known, at = _recent
    if uplink is not known:
        at = whole_second(uplink.observed_at)
        _recent = (uplink, at)
    return at


class _Plan(NamedTuple):
    """What `Reading.of` has to know of a kind: every field's default, and type and range of the measured ones."""

    defaults: dict[str, object]
    columns: dict[str, tuple[object, float | None, float]]


_PLANS: dict[type[Reading], _Plan] = {}
_UNKNOWN = (None, None, 0.0)


def _plan(kind: type[Reading]) -> _Plan:
    """The kind's plan; the open end of a numeric range is the largest finite float."""
    largest = float_info.max
    columns: dict[str, tuple[object, float | None, float]] = {}
    for name, known in quantities(kind).items():
        annotation = kind.model_fields[name].annotation
        [expected] = [part for part in get_args(annotation) or (annotation,) if part is not NoneType]
        low, high = (-largest if known.low is None else known.low), (largest if known.high is None else known.high)
        columns[name] = (expected, low if expected in (int, float) else None, high)
    plan = _PLANS[kind] = _Plan({name: field.default for name, field in kind.model_fields.items()}, columns)
    return plan


_QUANTITIES: dict[type[Reading], dict[str, Quantity]] = {}


def quantities(kind: type[Reading]) -> dict[str, Quantity]:
    """The kind's measured fields in order of definition, with their metadata."""
    known = _QUANTITIES.get(kind)
    if known is None:
        known = {
            name: metadata
            for name, field in kind.model_fields.items()
            for metadata in field.metadata
            if isinstance(metadata, Quantity)
        }
        _QUANTITIES[kind] = known
    return known
