"""The examples of a codec, in the form of LoRa Alliance TS013: uplinks and what is expected of them.

They lie beside the codec, as `NAME.examples.json` or, for a codec in a folder of its own, as `examples.json`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from decoders.sandbox.calls import CodecResult, Json

A_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The time of examples that have none."""


class ExamplesError(Exception):
    """A file that holds no examples; the text says why."""


@dataclass(frozen=True, slots=True)
class Example:
    """One uplink and what the codec is expected to say about it."""

    description: str
    payload: bytes
    f_port: int
    received_at: datetime
    variables: Mapping[str, str]
    expected: Mapping[str, Json]

    def differences(self, result: CodecResult) -> tuple[str, ...]:
        """Where `result` is not what is expected, a line each; none when it is."""
        expected_errors = _texts(self.expected.get("errors"))
        if expected_errors or result.errors:
            return tuple(_difference("errors", list(expected_errors), list(result.errors)))
        data = self.expected.get("data")
        warnings = _texts(self.expected.get("warnings", list(result.warnings)))
        return (
            *_difference("data", data, result.data),
            *_difference("warnings", list(warnings), list(result.warnings)),
        )


def examples_beside(codec: Path) -> tuple[Example, ...]:
    """The uplink examples of a codec file; none where there is no file of examples.

    Raises:
        ExamplesError: the file is no list of examples.
    """
    for path in (codec.with_name(f"{codec.stem}.examples.json"), codec.with_name("examples.json")):
        if path.is_file():
            return tuple(_examples(path))
    return ()


def _examples(path: Path) -> Iterator[Example]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8-sig"))
        for entry in entries:
            if entry.get("type", "uplink") == "uplink":
                yield _example(entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ExamplesError(f"{path}: {type(error).__name__}: {error}") from None


def _example(entry: Mapping[str, Mapping[str, Json]]) -> Example:
    given = entry["input"]
    at = given.get("recvTime")
    variables = given.get("variables")
    return Example(
        description=str(entry.get("description", "")),
        payload=_payload(given["bytes"]),
        f_port=int(str(given.get("fPort", 1))),
        received_at=A_TIME if at is None else _moment(str(at)),
        variables={key: str(value) for key, value in variables.items()} if isinstance(variables, dict) else {},
        expected=entry.get("output", {}),
    )


def _payload(written: Json) -> bytes:
    if isinstance(written, str):
        return bytes.fromhex(written)
    if isinstance(written, list):
        return bytes(int(str(byte)) for byte in written)
    raise TypeError("expected bytes as hex or as a list")


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _texts(messages: Json) -> tuple[str, ...]:
    if not messages:
        return ()
    return tuple(str(message) for message in messages) if isinstance(messages, list) else (str(messages),)


def _difference(name: str, expected: Json, found: Json) -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            yield from _difference(f"{name}.{key}", expected.get(key), found.get(key))
    elif expected != found:
        yield f"{name}: expected {_short(expected)}, found {_short(found)}"


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
