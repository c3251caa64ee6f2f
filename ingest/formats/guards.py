"""What a payload must not be, whoever sent it: too large, nested too deep, or text that no database keeps.

These checks run before a parser sees the bytes, and turn every error of a parser into `Rejected` with the path
of the field. A detail never holds a value of the message.
"""

import re
from collections.abc import Callable
from itertools import accumulate
from typing import TypeVar

import msgspec

from decoders.errors import Rejected, RejectReason
from ingest.delivery import Delivery

MAX_PAYLOAD = 64 * 1024
"""Bytes of one message. The largest real one, an uplink heard by 40 gateways, has about 20 KiB."""

MAX_DEPTH = 32
"""Levels of nested objects and lists. Real messages have seven and what a codec adds."""

_BRACKETS = b"{}[]"
_STEPS = {bracket: 1 if bracket in b"{[" else -1 for bracket in _BRACKETS}
_ALL = frozenset(range(256))
_NOT_MARKS = bytes(_ALL - set(_BRACKETS + b"\\"))
_NOT_QUOTED_BRACKETS = bytes(_ALL - set(_BRACKETS + b'"'))
_NOT_BRACKETS = bytes(_ALL - set(_BRACKETS))
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_INTEGER_LIMIT = 2**63

T = TypeVar("T")


def check_size(delivery: Delivery) -> None:
    """Refuse what is larger than any real event.

    Raises:
        Rejected: OVERSIZED.
    """
    if len(delivery.payload) > MAX_PAYLOAD:
        raise Rejected(RejectReason.OVERSIZED, f"{len(delivery.payload)} bytes, at most {MAX_PAYLOAD} are taken")


def read_json(decode: Callable[[bytes], T], payload: bytes) -> T:
    """The message that `payload` is, by the `decode` of a typed JSON decoder.

    Raises:
        Rejected: TOO_DEEP, MALFORMED for what is no JSON, INVALID_FIELD with the path of a wrong field.
    """
    marks = payload.translate(None, _NOT_MARKS)
    if len(marks) > 2 * MAX_DEPTH or b"\\" in marks:
        check_text(payload)
    try:
        return decode(payload)
    except msgspec.ValidationError as error:
        raise _invalid_field(error) from None
    except UnicodeDecodeError:
        raise Rejected(RejectReason.MALFORMED, "text is not UTF-8") from None
    except msgspec.DecodeError as error:
        what = str(error).removeprefix("JSON is malformed: ")
        raise Rejected(RejectReason.MALFORMED, f"no valid JSON: {what}") from None


def convert(message: dict[str, object], model: type[T]) -> T:
    """The message that the plain values of `message` are by `model`; for encodings other than JSON.

    Raises:
        Rejected: INVALID_FIELD with the path of a wrong field.
    """
    check_values(message)
    try:
        return msgspec.convert(message, model)
    except msgspec.ValidationError as error:
        raise _invalid_field(error) from None


def check_text(payload: bytes) -> None:
    """Refuse JSON that is nested too deep or has a NUL character in a text.

    Raises:
        Rejected: TOO_DEEP or INVALID_FIELD.
    """
    escapes = b"\\" in payload
    steps = map(_STEPS.__getitem__, _structure(payload, escapes=escapes))
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise _too_deep()
    if escapes and b"\\u0000" in payload and _ESCAPED_NUL.search(payload):
        raise _holds_nul()


def check_integers(container: dict[str, object] | list[object], path: str) -> None:
    """Refuse integers beyond 64 bits in a free-form object; everything else was checked when it was read.

    Raises:
        Rejected: INVALID_FIELD at `path`, the free-form object as a whole.
    """
    for item in container.values() if isinstance(container, dict) else container:
        if type(item) is int:
            if not -_INTEGER_LIMIT <= item < _INTEGER_LIMIT:
                raise Rejected(RejectReason.INVALID_FIELD, f"{path}: an integer needs more than 64 bits")
        elif isinstance(item, (dict, list)):
            check_integers(item, path)


def check_values(container: dict[str, object] | list[object], depth: int = 1) -> None:
    """Refuse plain values that are nested too deep or have a NUL character in a text, as `check_text` does in JSON.

    Raises:
        Rejected: TOO_DEEP or INVALID_FIELD.
    """
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(container, dict) and "\0" in "".join(container):
        raise _holds_nul()
    for item in container.values() if isinstance(container, dict) else container:
        if type(item) is str:
            if "\0" in item:
                raise _holds_nul()
        elif isinstance(item, (dict, list)):
            check_values(item, depth + 1)


def _holds_nul() -> Rejected:
    return Rejected(RejectReason.INVALID_FIELD, "$: a text holds the NUL character")


def _too_deep() -> Rejected:
    return Rejected(RejectReason.TOO_DEEP, f"$: more than {MAX_DEPTH} levels")


def _structure(payload: bytes, *, escapes: bool) -> bytes:
    """The brackets outside of strings. A string without brackets and escapes leaves two quotes side by side."""
    if not escapes:
        brackets = payload.translate(None, _NOT_QUOTED_BRACKETS).replace(b'""', b"")
        if b'"' not in brackets:
            return brackets
    return _STRING.sub(b"", payload).translate(None, _NOT_BRACKETS)


def _invalid_field(error: msgspec.ValidationError) -> Rejected:
    what, _, path = str(error).partition(" - at ")
    return Rejected(RejectReason.INVALID_FIELD, f"{path.replace('`', '') or '$'}: {what}")
