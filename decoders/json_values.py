"""JSON values as values of a reading's field: numbers, also those written as text, switches, words and times.

Vendors' codecs are loose with types: `"31.42"`, 1 for true, seconds or milliseconds. What is clear is taken.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from types import NoneType
from typing import get_args

from decoders.readings import Reading
from decoders.units import SAME, Scale

_MILLISECONDS_FROM = 1e11
"""Seconds since 1970 reach it in the year 5138, milliseconds reached it in 1973."""
_LONGEST_TEXT = 64
_LARGEST = (1 << 63) - 1
_NUMBER = re.compile(r"\s*[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,2})?\s*")

Convert = Callable[[object], object]


class WrongType(Exception):
    """A value that its field cannot hold."""


def field_type(kind: type[Reading], name: str) -> object:
    """The type of a field's values, without None."""
    annotation = kind.model_fields[name].annotation
    [expected] = [part for part in get_args(annotation) or (annotation,) if part is not NoneType]
    return expected


def text_of(value: object) -> str:
    """How a value is written as a key of `values` or in `faults`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def converter(expected: object, scale: Scale = SAME) -> Convert:
    """What makes a value of the column's type out of a JSON value, or raises `WrongType`."""
    if expected is float:
        return _number if scale == SAME else lambda value: _finite(scale(_number(value)))
    if expected is int:
        return whole if scale == SAME else lambda value: whole(scale(_number(value)))
    if expected is bool:
        return _truth
    if expected is datetime:
        return instant
    if isinstance(expected, type) and issubclass(expected, StrEnum):
        return _member(expected)
    return short_text


def _number(value: object) -> float:
    """A number, or a text that is nothing but one: some vendors write `"31.42"`."""
    if type(value) is float and isfinite(value):
        return value
    if isinstance(value, bool):
        raise WrongType
    if isinstance(value, (int, float)):
        return _finite(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    raise WrongType


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        raise WrongType from None
    if not isfinite(number):
        raise WrongType
    return number


def whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value  # not by way of a float, which has 53 bits
    else:
        decimal = _number(value)
        number = round(decimal)
        if abs(decimal - number) > 1e-6:
            raise WrongType
    if abs(number) > _LARGEST:
        raise WrongType
    return number


def _truth(value: object) -> bool:
    if value in (0, 1) and isinstance(value, (bool, int, float)):
        return bool(value)
    raise WrongType


def short_text(value: object) -> str:
    if isinstance(value, (bool, int, float)):
        return text_of(value)
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT and value.isprintable():
        return value
    raise WrongType


def _member(choices: type[StrEnum]) -> Convert:
    by_text = {str(choice): choice for choice in choices}

    def member(value: object) -> object:
        if not isinstance(value, str) or value not in by_text:
            raise WrongType
        return by_text[value]

    return member


def instant(value: object) -> datetime:
    """A time as codecs write it: ISO 8601 (UTC without an offset), seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        number = _number(value)
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
    except (ValueError, OverflowError, OSError):
        raise WrongType from None
