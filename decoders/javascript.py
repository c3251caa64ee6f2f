"""Vendor JavaScript codecs, run unchanged: `Codec` for one payload at a time, `CodecPool` for the pipeline.

A codec runs in a worker process with a JavaScript engine (quickjs-ng) and nothing else: no files, no network, no
clock but the uplink's own time. It may compute for 50 ms and in 16 MB. What it does wrong is in the result.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from decoders.sandbox.calls import CodecCall, CodecFailure, CodecResult, CodecSource, Json
from decoders.sandbox.pool import CodecPool
from decoders.sandbox.protocol import SandboxError
from decoders.sandbox.runner import SHARED

__all__ = [
    "Codec",
    "CodecCall",
    "CodecFailure",
    "CodecPool",
    "CodecResult",
    "CodecSource",
    "Json",
    "SandboxError",
    "run_codecs",
]


class Codec:
    """One codec file, usable alone: every call is answered by the worker that all codecs of this process share."""

    def __init__(self, source: str, *, name: str = "codec") -> None:
        self._source = CodecSource(name, source)

    def decode(
        self, payload: bytes, f_port: int, received_at: datetime, variables: Mapping[str, str] | None = None
    ) -> CodecResult:
        """What the codec says about `payload`; what the code does wrong is in the result.

        Args:
            received_at: UTC where it has no offset.

        Raises:
            SandboxError: the sandbox itself does not work.
        """
        return run_codecs([CodecCall(self._source, payload, f_port, received_at, variables)])[0]


def run_codecs(calls: Sequence[CodecCall]) -> list[CodecResult]:
    """Many calls at once, in order: what waits for answers, such as decoding history again, waits less often.

    Raises:
        SandboxError: the sandbox itself does not work.
    """
    return SHARED.run(calls)
