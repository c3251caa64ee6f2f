"""From the result of a vendor codec to readings, by a map that the configuration writes.

A missing path leaves its field out. A value of the wrong type becomes None with a warning: what a vendor's code returns
costs nothing but its own field. Warnings name paths, never values.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from decoders.codec_settings import KINDS_BY_NAME, FieldSettings, ReadingSettings
from decoders.json_path import MISSING, JsonPath
from decoders.json_values import Convert, WrongType, converter, field_type, instant, short_text, text_of, whole
from decoders.quantities import Quantity
from decoders.reader import ByteReader
from decoders.readings import BayEvent, ParkingBay, QualityFlag, Reading, quantities
from decoders.units import Scale, conversion
from decoders.uplink import EARLIEST, Uplink

MAX_ELEMENTS = 65
"""Elements of a list that are looked at: one more than the readings that an uplink may have."""

_CLOCK_TOLERANCE = timedelta(minutes=10)
_CLOCK_LIMIT = timedelta(days=1)
_MAX_CHANNEL = 32_767
_NO_FLAGS = QualityFlag(0)
_FAULT = QualityFlag.SENSOR_FAULT


class CodecReadings:
    """A map from results to readings, compiled once.

    Args:
        readings: as configured; valid by their model.
    """

    def __init__(self, readings: Sequence[ReadingSettings]) -> None:
        self._maps = [_ReadingMap(one) for one in readings]
        self.kinds = tuple(dict.fromkeys(one.kind for one in self._maps))

    def __call__(self, uplink: Uplink, result: object, notes: ByteReader) -> list[Reading]:
        """The readings in `result`; what is odd about it is noted as warnings."""
        return [reading for one in self._maps for reading in one.readings(uplink, result, notes)]


class _Field(NamedTuple):
    """One field: what it is called, the way to its value, and what is done with it."""

    name: str
    path: JsonPath
    faults: frozenset[str]
    convert: Convert


class _ReadingMap:
    """One entry of the map."""

    def __init__(self, settings: ReadingSettings) -> None:
        self.kind = KINDS_BY_NAME[settings.kind]
        known = quantities(self.kind)
        self._fields = [_field(name, one, self.kind, known[name]) for name, one in settings.fields.items()]
        self._each = _path(settings.each)
        self._when = _path(settings.when)
        self._subject = _path(settings.subject)
        self._time = _path(settings.time)
        self._channel = settings.channel if isinstance(settings.channel, int) else _path(settings.channel)
        self._flags = [(QualityFlag[name], JsonPath.parse(path)) for name, path in settings.flags.items()]
        self._history = QualityFlag.HISTORY if settings.history else _NO_FLAGS
        # neither list, channel, subject, time nor flags: one reading of the device itself, as most are
        self._plain = not settings.model_fields_set - {"kind", "when", "fields"}

    def readings(self, uplink: Uplink, result: object, notes: ByteReader) -> Iterator[Reading]:
        """The readings of this entry."""
        elements = [result] if self._each is None else islice(self._each.elements(result), MAX_ELEMENTS)
        for place, element in enumerate(elements):
            reading = self._reading(uplink, _Scope(result, element, notes), place)
            if reading is not None:
                yield reading

    def _reading(self, uplink: Uplink, scope: "_Scope", place: int) -> Reading | None:
        """The reading of one element; None when it has none of the fields, or nothing to tell it from others."""
        if self._when is not None and not _says_something(scope.find(self._when)):
            return None
        values, flags = self._values(scope)
        if not values:
            return None
        channel, subject, at = 0, "", None
        if not self._plain:
            key = self._key(uplink, scope, place)
            if key is None:
                return None
            channel, subject, at = key
            flags |= self._flags_of(scope, uplink, at)
        if self.kind is ParkingBay and values.get("event") is BayEvent.STARTUP:
            values["occupied"] = None  # a start-up frame is not a sighting
            flags |= QualityFlag.STARTUP
        return self.kind.of(uplink, values, observed_at=at, flags=flags, subject=subject, channel=channel)

    def _flags_of(self, scope: "_Scope", uplink: Uplink, at: datetime | None) -> QualityFlag:
        """What the result says about the whole reading."""
        flags = self._history
        for flag, path in self._flags:
            if _says_something(scope.find(path)):
                flags |= flag
        if at is not None and at - uplink.observed_at > _CLOCK_TOLERANCE:
            flags |= QualityFlag.CLOCK
        return flags

    def _values(self, scope: "_Scope") -> tuple[dict[str, object], QualityFlag]:
        values: dict[str, object] = {}
        flags = _NO_FLAGS
        for name, path, faults, convert in self._fields:
            value = scope.find(path)
            if value is MISSING:
                continue
            if faults and text_of(value) in faults:
                values[name] = None
                flags |= _FAULT
                continue
            try:
                values[name] = None if value is None else convert(value)
            except WrongType:
                values[name] = None
                scope.warn(f"{path.text}: no value for {name}")
        return values, flags

    def _key(self, uplink: Uplink, scope: "_Scope", place: int) -> tuple[int, str, datetime | None] | None:
        """Channel, subject and time of a reading; None, with a warning, when one of them is not credible."""
        at = None if self._time is None else _credible(scope.find(self._time), uplink)
        channel = self._channel_of(scope, place)
        subject = "" if self._subject is None else _subject(scope.find(self._subject))
        if self._time is not None and at is None:
            scope.warn(f"{self._time.text}: no credible time; the reading is left out")
        elif channel is None:
            scope.warn("channel: expected a number of a probe; the reading is left out")
        elif subject is None:
            scope.warn("subject: expected a number or a short text; the reading is left out")
        else:
            return channel, subject, at
        return None

    def _channel_of(self, scope: "_Scope", place: int) -> int | None:
        if self._channel is None:
            return place if self._each is not None and self._time is None else 0
        if isinstance(self._channel, int):
            return self._channel
        try:
            channel = whole(scope.find(self._channel))
        except WrongType:
            return None
        return channel if 0 <= channel <= _MAX_CHANNEL else None


class _Scope(NamedTuple):
    """Where paths lead: the element at hand, or the whole result for those that begin with `$`."""

    result: object
    element: object
    notes: ByteReader

    def find(self, path: JsonPath) -> object:
        return path.find(self.result if path.absolute else self.element)

    def warn(self, text: str) -> None:
        self.notes.warn(text)


def _path(text: str | None) -> JsonPath | None:
    return None if text is None else JsonPath.parse(text)


def _field(name: str, settings: FieldSettings, kind: type[Reading], quantity: Quantity) -> _Field:
    convert = converter(field_type(kind, name), _scale(settings, quantity))
    if settings.values:
        convert = _lookup(settings.values, convert)
    return _Field(name, JsonPath.parse(settings.path), frozenset(map(text_of, settings.faults)), convert)


def _scale(settings: FieldSettings, quantity: Quantity) -> Scale:
    if settings.unit is not None:
        return conversion(settings.unit, quantity.unit)
    multiply = 1 if settings.multiply is None else settings.multiply
    return Scale(multiply, settings.add or 0, 1 if settings.divide is None else settings.divide)


def _lookup(values: Mapping[str, object], convert: Convert) -> Convert:
    meanings = {said: convert(meant) for said, meant in values.items()}

    def look_up(value: object) -> object:
        try:
            return meanings[text_of(value)]
        except KeyError:
            raise WrongType from None

    return look_up


def _credible(value: object, uplink: Uplink) -> datetime | None:
    """The time of a measurement; None when there is none, or it lies before 2015 or over a day after the uplink."""
    try:
        at = instant(value)
    except WrongType:
        return None
    return at if EARLIEST <= at <= uplink.observed_at + _CLOCK_LIMIT else None


def _subject(value: object) -> str | None:
    try:
        return short_text(value) or None
    except WrongType:
        return None


def _says_something(value: object) -> bool:
    return value is not MISSING and bool(value)
