"""How a list of calls becomes answers over a pipe: everything but the pipe itself.

`Conversation` does no I/O, so that the pool of the pipeline and the worker of `Codec` share it: it gives requests,
takes replies, and has the results. A reply is the answer's bytes, or `Died` when the worker is no more.
"""

import json
import struct
from collections import OrderedDict, deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from decoders.sandbox.calls import CodecCall, CodecFailure, CodecResult, CodecSource
from decoders.sandbox.modules import ModuleError, Script, as_script
from decoders.sandbox.quarantine import Quarantine
from decoders.sandbox.results import failed, result_of

LENGTH: Final = struct.Struct("<I")
BATCH: Final = 256
"""Calls of one request: what has to be asked again when a worker dies."""
MOST_CODECS: Final = 256
"""Codecs that a worker keeps compiled."""
MAX_SOURCE: Final = 1 << 19
"""Characters of a codec: the engine cannot be interrupted while it compiles."""
DEATHS_WITHOUT_A_CALL: Final = 3


class SandboxError(Exception):
    """The sandbox itself does not work: the engine is missing or is another one."""


@dataclass(frozen=True, slots=True)
class Died:
    """The worker is no more.

    Attributes:
        call: position in the request of the call that it was at; None when it was at none.
    """

    call: int | None


@dataclass(slots=True)
class Loaded:
    """The codecs that one worker keeps, by the numbers it knows them by, least recently used first."""

    numbers: OrderedDict[str, int] = field(default_factory=OrderedDict)
    latest: int = 0

    def clear(self) -> None:
        """A new worker has none."""
        self.numbers.clear()

    def number(self, codec: CodecSource) -> tuple[int, bool]:
        """The codec's number, and whether it is new to the worker."""
        number = self.numbers.get(codec.digest)
        if number is not None:
            self.numbers.move_to_end(codec.digest)
            return number, False
        self.latest += 1
        self.numbers[codec.digest] = self.latest
        return self.latest, True

    def surplus(self) -> list[int]:
        """Codecs that the worker may forget."""
        return [self.numbers.popitem(last=False)[1] for _ in range(len(self.numbers) - MOST_CODECS)]


class Conversation:
    """What is to be asked until each of `calls` has its result.

    Attributes:
        results: in the order of the calls, when there is no further request.
    """

    def __init__(self, calls: Sequence[CodecCall], loaded: Loaded, quarantine: Quarantine) -> None:
        self._steps = _converse(calls, loaded, quarantine)
        self.results: list[CodecResult] = []

    def request(self, reply: "bytes | Died | None") -> bytes | None:
        """The next request after the reply to the one before, None at first; None when all is answered.

        Raises:
            SandboxError: workers die again and again without running a codec, or answer nonsense.
        """
        try:
            return self._steps.send(reply)
        except StopIteration as end:
            self.results = end.value
            return None


def _converse(
    calls: Sequence[CodecCall], loaded: Loaded, quarantine: Quarantine
) -> Generator[bytes, bytes | Died | None, list[CodecResult]]:
    results: dict[int, CodecResult] = {}
    waiting = deque(range(len(calls)))
    deaths = 0
    while asked := _admitted(calls, waiting, results, quarantine):
        reply = yield _request([calls[position] for position in asked], loaded)
        assert reply is not None
        if not isinstance(reply, Died):
            answered = _settle(calls, asked, reply, results, quarantine)
            waiting.extendleft(reversed(asked[answered:]))
            continue
        loaded.clear()
        if reply.call is not None:
            culprit = asked.pop(reply.call)
            results[culprit] = failed(
                CodecFailure.KILLED, "it did not stop when its time was up: its worker was killed"
            )
            quarantine.overran(calls[culprit].codec)
        elif (deaths := deaths + 1) == DEATHS_WITHOUT_A_CALL:
            raise SandboxError("the worker for JavaScript codecs ends before it runs a codec")
        waiting.extendleft(reversed(asked))
    return [results[position] for position in range(len(calls))]


def _admitted(
    calls: Sequence[CodecCall], waiting: deque[int], results: dict[int, CodecResult], quarantine: Quarantine
) -> list[int]:
    """The next calls to ask for; those that are not to run get their result here."""
    asked: list[int] = []
    while waiting and len(asked) < BATCH:
        position = waiting.popleft()
        codec = calls[position].codec
        if not quarantine.allows(codec):
            results[position] = failed(CodecFailure.QUARANTINED, "it overran too often and is not run for a while")
        elif isinstance(script := _script(codec.source), str):
            results[position] = failed(CodecFailure.NOT_LOADED, script)
        else:
            asked.append(position)
    return asked


def _settle(
    calls: Sequence[CodecCall],
    asked: Sequence[int],
    reply: bytes,
    results: dict[int, CodecResult],
    quarantine: Quarantine,
) -> int:
    """Note the answers of one reply, and how many they are."""
    lines = reply.decode().split("\n") if reply else []
    if not 0 < len(lines) <= len(asked):
        raise SandboxError("the worker for JavaScript codecs does not answer what it was asked")
    for position, line in zip(asked, lines, strict=False):
        result = results[position] = result_of(line)
        if result.failure is CodecFailure.OVERRUN:
            quarantine.overran(calls[position].codec)
        else:
            quarantine.answered(calls[position].codec)
    return len(lines)


def _request(calls: Sequence[CodecCall], loaded: Loaded) -> bytes:
    given = [_given(call) for call in calls]  # before a codec counts as loaded: what cannot be asked is not sent
    load: dict[int, tuple[str, bool]] = {}
    rows: list[tuple[int, str, int, float, str]] = []
    for call, values in zip(calls, given, strict=True):
        number, new = loaded.number(call.codec)
        if new:
            script = _script(call.codec.source)
            assert isinstance(script, Script)
            load[number] = (script.text, script.strict)
        rows.append((number, *values))
    body = json.dumps({"load": load, "calls": rows, "drop": loaded.surplus()}).encode()
    return LENGTH.pack(len(body)) + body


@lru_cache(maxsize=MOST_CODECS)
def _script(source: str) -> Script | str:
    """The codec as the worker takes it, or why it cannot be one."""
    if len(source) > MAX_SOURCE:
        return f"it is longer than {MAX_SOURCE} characters"
    try:
        return as_script(source)
    except ModuleError as error:
        return str(error)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def _given(call: CodecCall) -> tuple[str, int, float, str]:
    """What the codec is given: bytes, port, milliseconds and variables."""
    return (
        str(list(bytes(call.payload))),
        int(call.f_port),
        _milliseconds(call.received_at),
        _texts(call.variables),
    )


def _milliseconds(moment: datetime) -> float:
    """A float, because the engine takes no whole numbers beyond 32 bits; without an offset the time is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return float((aware - _EPOCH) // _MILLISECOND)


def _texts(variables: Mapping[str, str] | None) -> str:
    return json.dumps(dict(variables)) if variables else "{}"
