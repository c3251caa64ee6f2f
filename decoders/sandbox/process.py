"""Starting a worker process: the same for the pool of the pipeline and for `Codec`.

A worker gets two pipes and nothing else: no environment, no open files, an interpreter without site packages. It ends
when its input ends, so it cannot outlive this process.
"""

import importlib.util
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from decoders.sandbox.protocol import LENGTH, Died, SandboxError

PACKAGE: Final = "quickjs-ng"
WORKER: Final = Path(__file__).with_name("worker.py")
ENVIRONMENT: Final = {"TZ": "UTC", "LC_ALL": "C.UTF-8"}
STALLED_SECONDS: Final = 30.0
"""Without any answer: a worker that neither computes nor answers, as under a debugger."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use up."""

    cpu_ms: int = 50
    memory_bytes: int = 16 << 20


class Progress:
    """The number of the call that a worker is at, in a file that has no name."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (open as long as the worker)

    @property
    def descriptor(self) -> int:
        """For the worker to inherit."""
        return self._file.fileno()

    def death(self) -> Died:
        """What a worker that has ended was at."""
        written = os.pread(self.descriptor, LENGTH.size, 0)
        position = LENGTH.unpack(written)[0] if written else 0
        return Died(position - 1 if position else None)

    def close(self) -> None:
        """When the worker has ended."""
        self._file.close()


def command(progress: Progress, limits: Limits) -> list[str]:
    """The command line of a worker.

    Raises:
        SandboxError: the engine is not installed.
    """
    given = (_engine_folder(), progress.descriptor, limits.cpu_ms, limits.memory_bytes)
    return [sys.executable, "-I", "-S", "-X", "utf8", str(WORKER), *map(str, given)]


def greeting(read: bytes, status: int | None) -> None:
    """Check what a new worker said first: an empty frame, when its engine passed the test.

    Raises:
        SandboxError: it said something else or nothing; `status` is how it ended.
    """
    if read == LENGTH.pack(0):
        return
    if status == -signal.SIGPROF or status == 1:
        raise SandboxError(f"the installed JavaScript engine does not keep its limits: it is not {PACKAGE}")
    raise SandboxError(f"the worker for JavaScript codecs does not start (exit status {status})")


def _engine_folder() -> str:
    """Where the engine's module lies; `quickjs`, which has the same import name, is refused."""
    spec = importlib.util.find_spec("_quickjs")
    if spec is None or spec.origin is None:
        raise SandboxError(f"JavaScript codecs need the package {PACKAGE}, which is not installed")
    try:
        metadata.version("quickjs")
    except metadata.PackageNotFoundError:
        return str(Path(spec.origin).parent)
    raise SandboxError(f"the package quickjs is installed: it hides {PACKAGE}; uninstall both, then install {PACKAGE}")
