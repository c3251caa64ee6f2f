"""What a vector expects beside what its decoder gives, and in whose words a decoder's defect is told."""

import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from math import isclose
from pathlib import Path

from decoders.decoder import Decoder
from decoders.errors import DecodeError
from decoders.readings import QualityFlag, Reading, quantities
from decoders.registry import BUILT_IN
from stadtfunk.kit.vectors import AT, DEVICE, Case, uplink

_VOCABULARY = BUILT_IN.parent
_EXPECTED = {"kind", "subject", "channel", "observed_at", "values", "flags"}
_FLAGS: Mapping[str, QualityFlag] = dict(QualityFlag.__members__)


def differences(decoder: Decoder, case: Case) -> Iterator[str]:
    """How what the decoder gives differs from what the vector expects."""
    try:
        found = decoder.decode(uplink(case.payload, case.f_port)).readings
    except DecodeError as refusal:
        if refusal.reason is not case.error:
            why = defect(refusal) or refusal.detail
            yield f"refused as {refusal.reason} ({why}), expected {_expectation(case)}"
        return
    if case.error is not None:
        yield f"gives {_kinds(found)}, expected a refusal as {case.error}"
    elif case.readings is not None:
        yield from _differing(decoder, found, case.readings)


def expected_reading(decoder: Decoder, entry: Mapping[str, object]) -> Reading:
    """A vector's reading as an object, validated by pydantic.

    Raises:
        ValueError: an unknown kind, field or flag, or a value of the wrong type.
    """
    unknown = entry.keys() - _EXPECTED
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}; known: {', '.join(sorted(_EXPECTED))}")
    kind = next((kind for kind in decoder.kinds if kind.kind == entry.get("kind")), None)
    if kind is None:
        raise ValueError(f"kind {entry.get('kind')!r} is none of the decoder's: {_names(decoder)}")
    values = entry.get("values", {})
    if not isinstance(values, dict):
        raise ValueError("values: expected field: value")
    fields = {
        **dict.fromkeys(quantities(kind)),
        **values,
        "device": DEVICE,
        "subject": entry.get("subject", ""),
        "channel": entry.get("channel", 0),
        "observed_at": entry.get("observed_at", AT.replace(microsecond=0)),
        "flags": _flags(entry.get("flags", [])),
    }
    return kind.model_validate(fields)


def same(mine: object, right: object, tolerance: float = 1e-12) -> bool:
    """Equal, or floats that differ by rounding only."""
    if isinstance(mine, (int, float)) and isinstance(right, (int, float)):
        return isclose(mine, right, rel_tol=1e-9, abs_tol=tolerance)
    return mine == right


def defect(refusal: DecodeError) -> str:
    """What a decoder tripped over, in Python's words, with the deepest line outside the reader; empty for a refusal."""
    error = refusal.__cause__
    if error is None:
        return ""
    places = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent != _VOCABULARY
    ]
    place = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return f"{type(error).__name__}: {_one_line(error)}{place}"


def _differing(decoder: Decoder, found: Sequence[Reading], entries: Sequence[Mapping[str, object]]) -> Iterator[str]:
    try:
        expected = [expected_reading(decoder, entry) for entry in entries]
    except ValueError as error:
        yield f"the expectation is wrong: {_one_line(error)}"
        return
    if [type(reading) for reading in found] != [type(reading) for reading in expected]:
        yield f"gives {_kinds(found)}, expected {_kinds(expected)}"
        return
    for number, (mine, right) in enumerate(zip(found, expected, strict=True)):
        for name in type(right).model_fields:
            one, other = getattr(mine, name), getattr(right, name)
            if not same(one, other):
                yield f"reading {number} ({right.kind}): {name} is {_shown(one)}, expected {_shown(other)}"


def _flags(names: object) -> QualityFlag:
    flags = QualityFlag(0)
    for name in names if isinstance(names, (list, tuple)) else [names]:
        if name not in _FLAGS:
            raise ValueError(f"unknown flag {name}; known: {', '.join(_FLAGS)}")
        flags |= _FLAGS[str(name)]
    return flags


def _expectation(case: Case) -> str:
    return f"a refusal as {case.error}" if case.error else "readings"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _kinds(readings: Sequence[Reading]) -> str:
    return ", ".join(reading.kind for reading in readings) or "no reading"


def _names(decoder: Decoder) -> str:
    return ", ".join(kind.kind for kind in decoder.kinds)


def _shown(value: object) -> str:
    if isinstance(value, QualityFlag):
        return ", ".join(str(flag.name) for flag in value) or "no flag"
    return value.isoformat() if isinstance(value, datetime) else repr(value)
