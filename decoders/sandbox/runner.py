"""One worker for this process, asked by whoever waits for the answer: what `Codec` uses."""

import atexit
import os
import select
import subprocess
import threading
from collections.abc import Sequence
from time import monotonic

from decoders.sandbox.calls import CodecCall, CodecResult
from decoders.sandbox.process import ENVIRONMENT, STALLED_SECONDS, Limits, Progress, command, greeting
from decoders.sandbox.protocol import LENGTH, Conversation, Died, Loaded
from decoders.sandbox.quarantine import Quarantine


class Runner:
    """Runs calls in one worker process that is started when it is needed; threads take turns."""

    def __init__(self, limits: Limits | None = None, quarantine: Quarantine | None = None) -> None:
        self._limits = limits or Limits()
        self._quarantine = quarantine or Quarantine()
        self._loaded = Loaded()
        self._worker: _Process | None = None
        self._turn = threading.Lock()

    def run(self, calls: Sequence[CodecCall]) -> list[CodecResult]:
        """The results in the order of `calls`.

        Raises:
            SandboxError: the sandbox itself does not work.
        """
        with self._turn:
            conversation = Conversation(calls, self._loaded, self._quarantine)
            reply: bytes | Died | None = None
            while (request := conversation.request(reply)) is not None:
                reply = self._ask(request)
            return conversation.results

    def close(self) -> None:
        """End the worker; the next call starts another."""
        with self._turn:
            self._end()

    def _ask(self, request: bytes) -> bytes | Died:
        worker = self._started()
        try:
            return worker.ask(request)
        except (EOFError, BrokenPipeError, TimeoutError):
            self._worker = None
            return worker.end()
        except BaseException:  # half an answer is in the pipe, as after Ctrl-C
            self._end()
            raise

    def _started(self) -> "_Process":
        if self._worker is None:
            try:
                self._worker = _Process(self._limits)
            except BaseException:  # what it was to load has not been loaded
                self._loaded.clear()
                raise
        return self._worker

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None
        self._loaded.clear()

    def forget(self) -> None:
        """After a fork: the worker belongs to the parent."""
        self._worker = None
        self._loaded.clear()
        self._turn = threading.Lock()


class _Process:
    """A worker with blocking pipes."""

    def __init__(self, limits: Limits) -> None:
        self._progress = Progress()
        self._process = subprocess.Popen(
            command(self._progress, limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            pass_fds=(self._progress.descriptor,),
        )
        try:
            greeting(self._read(LENGTH.size), None)
        except (EOFError, TimeoutError):
            self.end()
            greeting(b"", self._process.returncode)
        except BaseException:  # nobody would know of it after Ctrl-C
            self.end()
            raise

    def ask(self, request: bytes) -> bytes:
        """The answer to one request.

        Raises:
            EOFError, BrokenPipeError, TimeoutError: there is none, and there will be none.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(request)
        self._process.stdin.flush()
        return self._read(*LENGTH.unpack(self._read(LENGTH.size)))

    def end(self) -> Died:
        """Kill it, if it still runs, and say what it was at."""
        self._process.kill()
        self._process.communicate()
        death = self._progress.death()
        self._progress.close()
        return death

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        parts = bytearray()
        deadline = monotonic() + STALLED_SECONDS
        while len(parts) < size:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - monotonic()))
            if not ready:
                raise TimeoutError
            part = os.read(descriptor, size - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


SHARED = Runner()
"""The worker of all codecs of this process."""

atexit.register(SHARED.close)
os.register_at_fork(after_in_child=SHARED.forget)
