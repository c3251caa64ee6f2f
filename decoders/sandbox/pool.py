"""Worker processes for the pipeline, asked without blocking the event loop."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from decoders.sandbox.calls import CodecCall, CodecResult
from decoders.sandbox.process import ENVIRONMENT, STALLED_SECONDS, Limits, Progress, command, greeting
from decoders.sandbox.protocol import LENGTH, Conversation, Died, Loaded
from decoders.sandbox.quarantine import Quarantine

ENDING_SECONDS = 1.0


class CodecPool:
    """Runs batches of calls in worker processes, which are started when they are needed and replaced when they die.

    Args:
        workers: processes; a batch is divided among them.
        limits: what one call may use up.
        quarantine: shared by all workers.
    """

    def __init__(self, workers: int = 1, *, limits: Limits | None = None, quarantine: Quarantine | None = None) -> None:
        self._quarantine = quarantine or Quarantine()
        self._desks = [_Desk(limits or Limits(), self._quarantine) for _ in range(workers)]

    async def run(self, calls: Sequence[CodecCall]) -> list[CodecResult]:
        """The results in the order of `calls`.

        Raises:
            SandboxError: the sandbox itself does not work.
        """
        share = -(-len(calls) // len(self._desks)) or 1
        parts = [calls[start : start + share] for start in range(0, len(calls), share)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(desk.run(part)) for desk, part in zip(self._desks, parts, strict=False)]
        except ExceptionGroup as failures:  # the same for every worker: one says it
            raise failures.exceptions[0] from None
        return [result for task in tasks for result in task.result()]

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Names of the codecs that are not run at present."""
        return self._quarantine.names

    async def close(self) -> None:
        """End the workers."""
        for desk in self._desks:
            await desk.close()


class _Desk:
    """One place for a worker: one batch at a time."""

    def __init__(self, limits: Limits, quarantine: Quarantine) -> None:
        self._limits = limits
        self._quarantine = quarantine
        self._loaded = Loaded()
        self._worker: _Worker | None = None
        self._turn = asyncio.Lock()

    async def run(self, calls: Sequence[CodecCall]) -> list[CodecResult]:
        async with self._turn:
            conversation = Conversation(calls, self._loaded, self._quarantine)
            reply: bytes | Died | None = None
            while (request := conversation.request(reply)) is not None:
                reply = await self._ask(request)
            return conversation.results

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _ask(self, request: bytes) -> bytes | Died:
        worker = await self._started()
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                return await worker.ask(request)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            self._worker = None
            return await worker.end()
        except BaseException:  # half an answer is in the pipe, as after a cancellation
            await self._end()
            raise

    async def _started(self) -> "_Worker":
        if self._worker is None:
            try:
                self._worker = await _Worker.start(self._limits)
            except BaseException:  # what it was to load has not been loaded
                self._loaded.clear()
                raise
        return self._worker

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        self._loaded.clear()
        if worker is not None:
            await worker.end()


class _Worker:
    """A worker process with asyncio's pipes."""

    def __init__(self, process: Process, progress: Progress) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._progress = progress
        self._requests = process.stdin
        self._answers = process.stdout

    @classmethod
    async def start(cls, limits: Limits) -> "_Worker":
        """A worker whose engine has passed its test.

        Raises:
            SandboxError: there is none.
        """
        progress = Progress()
        process = await asyncio.create_subprocess_exec(
            *command(progress, limits),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=ENVIRONMENT,
            cwd="/",
            pass_fds=(progress.descriptor,),
        )
        worker = cls(process, progress)
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                greeting(await worker._answers.readexactly(LENGTH.size), None)
        except (asyncio.IncompleteReadError, TimeoutError):
            await worker.end()
            greeting(b"", process.returncode)
        except BaseException:  # nobody would know of it after a cancellation
            await worker.end()
            raise
        return worker

    async def ask(self, request: bytes) -> bytes:
        """The answer to one request."""
        self._requests.write(request)
        await self._requests.drain()
        size = LENGTH.unpack(await self._answers.readexactly(LENGTH.size))[0]
        return await self._answers.readexactly(size)

    async def end(self) -> Died:
        """Kill it, if it still runs, and say what it was at."""
        if self._answers.at_eof():  # it ends by itself, and `kill` would take its exit status from asyncio
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDING_SECONDS):
                    await self._process.wait()
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        death = self._progress.death()
        self._progress.close()
        return death
