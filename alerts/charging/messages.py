"""Status messages of operators' own back ends, over MQTT or a webhook: `{"evse_id", "status", "ts"}`, one or a list.

`ts` is an ISO 8601 time (UTC without an offset) or Unix seconds or milliseconds; without it the message's arrival
counts. OCPP 2.0.1 back ends may add `charging_state`. A message without `evse_id` and `status` says only that the link
is alive. Other keys, such as anything about a session or a person, are not looked at.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.status import StatusEvent, evse_key, state_of

MAX_OBJECTS = 10_000
MAX_ID = 64
_MILLISECONDS_FROM = 1e11
"""Unix times above are milliseconds: as seconds they lie 3,000 years ahead."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says; `problems` tells the objects that could not be read, a sentence each."""

    statuses: tuple[StatusEvent, ...] = ()
    problems: tuple[str, ...] = ()


def read_message(
    payload: bytes, *, source: str, received_at: datetime, evse_ids: Mapping[str, str] | None = None
) -> Message:
    """The statuses of a message.

    Args:
        evse_ids: EVSE-ID by the id that the source uses instead.

    Raises:
        SourceError: the payload is no JSON, or neither an object nor a list of them.
    """
    statuses: list[StatusEvent] = []
    problems: list[str] = []
    for number, entry in enumerate(_entries(payload), 1):
        try:
            status = _status(entry, source, received_at, evse_ids or {})
        except ValueError as error:
            problems.append(f"object {number}: {error}")
            continue
        if status is not None:
            statuses.append(status)
    return Message(tuple(statuses), tuple(problems))


def moment(value: object, received_at: datetime) -> datetime:
    """The time that `value` tells; `received_at` where it is missing.

    Raises:
        ValueError: it is no time.
    """
    if value is None:
        return received_at
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value.strip())
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("ts is no ISO 8601 time") from None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            raise ValueError("ts is no Unix time") from None
    raise ValueError("ts is neither text nor number")


def _entries(payload: bytes) -> list[object]:
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        raise SourceError(ErrorKind.MALFORMED, "the message is no JSON") from None
    entries = content if isinstance(content, list) else [content]
    if not isinstance(content, (dict, list)) or len(entries) > MAX_OBJECTS:
        raise SourceError(ErrorKind.MALFORMED, f"expected an object or a list of at most {MAX_OBJECTS} of them")
    return entries


def _status(entry: object, source: str, received_at: datetime, evse_ids: Mapping[str, str]) -> StatusEvent | None:
    """The status of one object; None when it is a mere sign of life.

    Raises:
        ValueError: why it cannot be read.
    """
    if not isinstance(entry, dict):
        raise ValueError("expected an object")
    at = moment(entry.get("ts"), received_at)
    if "evse_id" not in entry and "status" not in entry:
        return None
    given, word = entry.get("evse_id"), entry.get("status")
    if not isinstance(given, str) or not 0 < len(given) <= MAX_ID or not evse_key(evse_ids.get(given, given)):
        raise ValueError("evse_id is no id")
    if not isinstance(word, str) or not word.isprintable() or not word:
        raise ValueError("status is no word")
    charging_state = entry.get("charging_state")
    raw = f"{word}/{charging_state}" if isinstance(charging_state, str) and charging_state else word
    state = state_of(word, charging_state=charging_state)
    return StatusEvent(evse_key(evse_ids.get(given, given)), at, received_at, source, state, raw[:MAX_ID])
