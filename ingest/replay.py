"""Files as a source: dumps and exports go the same way as live messages, so replaying one twice adds nothing.

Understood line by line, mixed as they come:

- `{"topic": …, "payload": …, "received_at": …}`: Stadtfunk's own form; `payload_base64` instead of `payload` for bytes.
- `mosquitto_sub -F %j` or `%J`: `{"tst": …, "topic": …, "payload": …}`.
- `mosquitto_sub -v`, or `-F '%I %t %p'`: `[time] topic payload`; `%U` works too; `%x` gives a payload in hex digits.
- The Things Stack storage export: `{"result": …}`; blank lines between.
- a header `{"stadtfunk_replay": 1, "total": N}`, so that progress can be shown.

A line's receive time is its own; a line without one takes the file's modification time, which is the same every time.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from ingest.delivery import Delivery

BATCH = 4000

_TIMED = re.compile(rb"(\d{4}-\d\d-\d\dT\S+|\d{9,}(?:\.\d+)?) (\S+) ?(.*)", re.DOTALL)
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")


class _Line(msgspec.Struct):
    """The JSON forms in one; absent fields keep their defaults."""

    topic: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"")
    payload_base64: str | None = None
    received_at: datetime | None = None
    tst: datetime | None = None
    qos: int = 0
    retain: int | bool = False
    result: msgspec.Raw | None = None
    stadtfunk_replay: int | None = None
    total: int | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_text = msgspec.json.Decoder(str).decode


class ReplayFile:
    """The messages of one file, as the pipeline takes them.

    Args:
        lines: the file's lines (an open binary file).
        fallback: receive time of lines that tell none.
        progress: called with (messages stored so far, total or None) after each batch.
    """

    def __init__(
        self,
        source: str,
        lines: Iterable[bytes],
        *,
        fallback: datetime,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        self.source = source
        self.total: int | None = None
        self.stored = 0
        self._lines = lines
        self._fallback = fallback
        self._progress = progress

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        """The file's messages in order, in batches."""
        deliveries = self._deliveries()
        while batch := list(islice(deliveries, BATCH)):
            yield batch

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """`deliveries` are stored."""
        self.stored += len(deliveries)
        if self._progress is not None:
            self._progress(self.stored, self.total)

    def _deliveries(self) -> Iterator[Delivery]:
        for line in self._lines:
            stripped = line.strip()
            if stripped:
                delivery = self._delivery(stripped)
                if delivery is not None:
                    yield delivery

    def _delivery(self, line: bytes) -> Delivery | None:
        """The line's message; a line of no known form is kept as a message without topic, to be rejected as such."""
        if not line.startswith(b"{"):
            return self._from_text(line)
        try:
            parsed = _decode_line(line)
        except msgspec.MsgspecError:
            return Delivery(self.source, "", line, self._fallback)
        if parsed.stadtfunk_replay is not None:
            self.total = parsed.total
            return None
        received_at = _utc(parsed.received_at or parsed.tst or self._fallback)
        if not parsed.topic:
            return Delivery(self.source, "", line, received_at)
        payload = _payload(parsed)
        return Delivery(self.source, parsed.topic, payload, received_at, parsed.qos, bool(parsed.retain))

    def _from_text(self, line: bytes) -> Delivery:
        timed = _TIMED.fullmatch(line)
        if timed is not None:
            received_at, topic, payload = _time(timed[1], self._fallback), timed[2], timed[3]
        else:
            topic, _, payload = line.partition(b" ")
            received_at = self._fallback
        if _HEX.fullmatch(payload):
            payload = binascii.unhexlify(payload)
        return Delivery(self.source, topic.decode("utf-8", "replace"), payload, received_at)


def open_replay(
    path: Path, source: str, *, progress: Callable[[int, int | None], None] | None = None
) -> tuple[ReplayFile, BinaryIO]:
    """A file as a source, and the open file, which the caller closes.

    Raises:
        OSError: it cannot be read.
    """
    file = path.open("rb")
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ReplayFile(source, file, fallback=changed, progress=progress), file


def _payload(line: _Line) -> bytes:
    """The message's bytes: base64, a JSON text that holds the message, or the JSON itself."""
    if line.payload_base64 is not None:
        try:
            return base64.b64decode(line.payload_base64, validate=True)
        except binascii.Error:
            return line.payload_base64.encode()
    raw = bytes(line.payload)
    if raw.startswith(b'"'):
        return _decode_text(raw).encode("utf-8", "surrogatepass")
    return raw


def _time(text: bytes, fallback: datetime) -> datetime:
    """An ISO time or seconds since 1970; `fallback` when it is neither."""
    try:
        if b"T" in text:
            return _utc(datetime.fromisoformat(text.decode()))
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return fallback


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
