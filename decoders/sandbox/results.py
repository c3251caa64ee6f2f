"""From a worker's answer to a `CodecResult`: what the codec said, in one form for all its forms.

The values are plain JSON already; nothing here trusts their shape.
"""

import json
from collections.abc import Mapping
from typing import Final

from decoders.sandbox.calls import CodecFailure, CodecResult, Json

MOST_MESSAGES: Final = 20
LONGEST_MESSAGE: Final = 500
NO_DATA: Final = "it returned no data"
_MEMBERS: Final = frozenset(("data", "errors", "warnings"))


def failed(failure: CodecFailure, text: str) -> CodecResult:
    """The result of a codec that gave no answer."""
    return CodecResult(errors=(text,), failure=failure)


def result_of(line: str) -> CodecResult:
    """The result in one line of a worker's answer: JSON, or `!failure:text`.

    Raises:
        ValueError: it is neither.
    """
    if line.startswith("!"):
        failure, _, text = line[1:].partition(":")
        return failed(CodecFailure(failure), text)
    try:
        answer = json.loads(line)
        if "\\ud" in line:  # half of a surrogate pair, which no database takes
            answer = json.loads(json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        return failed(CodecFailure.OVERSIZED, "its result is nested too deeply")
    return _interpreted(answer)


def _interpreted(answer: Mapping[str, Json]) -> CodecResult:
    said = answer.get("said")
    console = _messages(answer.get("console"))
    if answer["form"] != "TS013":
        return _with_data(said, (), answer, console)
    members = said if isinstance(said, dict) and said.keys() & _MEMBERS else {"data": said}
    warnings = _messages(members.get("warnings"))
    if errors := _messages(answer.get("errors")):
        return CodecResult(None, warnings, errors, console=console)
    return _with_data(members.get("data"), warnings, answer, console)


def _with_data(
    data: Json, warnings: tuple[str, ...], answer: Mapping[str, Json], console: tuple[str, ...]
) -> CodecResult:
    if not isinstance(data, dict | list):
        return CodecResult(None, warnings, (NO_DATA,), failure=CodecFailure.THREW, console=console)
    measurements, complaints = _normalized(answer.get("normalized"))
    return CodecResult(data, warnings + complaints, normalized=measurements, console=console)


def _normalized(said: Json) -> tuple[tuple[Mapping[str, Json], ...], tuple[str, ...]]:
    """The measurements of `normalizeUplink`, and what it complained about."""
    if not isinstance(said, dict):
        return (), ()
    complaints = (*_messages(said.get("errors")), *_messages(said.get("warnings")))
    data = said.get("data")
    measurements = [item for item in (data if isinstance(data, list) else [data]) if isinstance(item, dict)]
    return tuple(measurements), tuple(f"normalizeUplink: {complaint}" for complaint in complaints)


def _messages(said: Json) -> tuple[str, ...]:
    """Messages of a codec as texts, whatever it took for a list of them."""
    if not said:
        return ()
    return tuple(_text(message) for message in (said if isinstance(said, list) else [said])[:MOST_MESSAGES])


def _text(message: Json) -> str:
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return text[:LONGEST_MESSAGE]
