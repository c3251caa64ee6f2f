"""The worker process: runs codecs in the JavaScript engine. A script that imports nothing of Stadtfunk.

    worker.py FOLDER-OF-THE-ENGINE PROGRESS-FD CPU-LIMIT-MS MEMORY-LIMIT-BYTES

Standard input and output carry frames: four bytes of length and the content. A request is JSON: codecs to load and to
drop, and calls. The answer has one line for each call, and ends early after a call that used up its time. Before each
call its number is written to PROGRESS-FD, so that whoever finds this process dead knows which call it was.
"""

import json
import os
import resource
import signal
import struct
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

HERE = Path(__file__).parent
LENGTH = struct.Struct("<I")
STACK_BYTES = 256 * 1024
GRACE_SECONDS = 1.0
"""After the engine's own limit: code that the engine cannot interrupt is ended by the kernel."""
MOST_REALMS = 64
ADDRESS_SPACE = 3 << 29
NOBODY = 65534
PROLOGUE = (
    "arguments[0](()=>["
    "typeof decodeUplink=='undefined'?void 0:decodeUplink,"
    "typeof driver=='undefined'?void 0:driver,"
    "typeof Decode=='undefined'?void 0:Decode,"
    "typeof Decoder=='undefined'?void 0:Decoder,"
    "typeof normalizeUplink=='undefined'?void 0:normalizeUplink]);"
)
"""Tells the realm, on the file's own first line, how to see the functions that the file is going to define."""
UNDOABLE = "null"
FINAL = ("{", "!overrun", "!oversized", "!threw:Error: ")
"""Answers of a shared realm that would be the same in a realm of the codec's own."""
BROKEN = ("!overrun", "!memory")

Given = Sequence[Any]
"""Bytes as JSON text, port, milliseconds, variables as JSON text."""


class Engine:
    """The module of the engine, and the limits under which everything runs."""

    def __init__(self, folder: str, cpu_seconds: float, memory_bytes: int) -> None:
        sys.path.append(folder)
        import _quickjs  # type: ignore[import-not-found]  # not `quickjs`: that starts a thread and imports a third of the standard library

        self._new = _quickjs.Context
        self.error: type[Exception] = _quickjs.JSException
        self.cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes
        self._realm = (HERE / "realm.js").read_text(encoding="utf-8")
        self._seal = (HERE / "seal.js").read_text(encoding="utf-8")
        self._buffer = (HERE / "buffer.js").read_text(encoding="utf-8")

    def context(self) -> "Context":
        """A new world with nothing but the language in it."""
        context: Context = self._new()
        context.set_time_limit(GRACE_SECONDS)
        context.set_memory_limit(self._memory_bytes)
        context.set_max_stack_size(STACK_BYTES)
        return context

    def realm(self, factory: str) -> "Realm":
        """A world that is prepared for codecs; `factory` is compiled when the realm is told to load it."""
        context = self.context()
        return Realm(self, context, context.eval(self._realm)(self._buffer), factory)

    def sealing(self, context: "Context") -> Callable[[Any], Any]:
        """What a realm's inside is given to, to see changes of the language and to prevent them."""
        return context.eval(self._seal)

    def limit(self, context: "Context") -> None:
        """From now on code of a vendor runs in `context`."""
        context.set_time_limit(self.cpu_seconds)

    def prove(self) -> None:
        """Find out that this engine keeps its limits: the older `quickjs` has the same name and does not.

        An engine that goes on for a second is ended by the kernel, and whoever started this process says so.
        """
        self.allow_one_call()
        context = self.context()
        self.limit(context)
        try:
            context.eval("/^(a+)+$/.test('a'.repeat(64) + 'b')")
        except self.error as error:
            if "interrupted" in str(error):
                return
        raise SystemExit("the engine did not stop a regular expression")

    def allow_one_call(self) -> None:
        """From now on the kernel gives this process the time of one call and the grace, then kills it."""
        signal.setitimer(signal.ITIMER_PROF, self.cpu_seconds + GRACE_SECONDS)


class Context(Protocol):
    """What is used of the engine."""

    def eval(self, source: str) -> Callable[..., Any]: ...
    def set_time_limit(self, seconds: float) -> None: ...
    def set_memory_limit(self, count: int) -> None: ...
    def set_max_stack_size(self, count: int) -> None: ...


class Realm:
    """One prepared world and the codec in it."""

    def __init__(self, engine: Engine, context: Context, operation: Callable[[str], Any], factory: str) -> None:
        self._engine = engine
        self._context = context
        self._operation = operation
        self._factory = factory

    def load(self) -> None:
        """Compile the codec; nothing of it runs yet."""
        self._engine.limit(self._context)
        self._operation("use")(self._context.eval(self._factory))

    @property
    def run(self) -> Callable[..., str]:
        """Runs the codec once; the realm is as the codec left it."""
        function: Callable[..., str] = self._operation("run")
        return function

    def sealing(self) -> Callable[[str], Callable[..., Any]]:
        """What sees changes of the language and prevents them; to be asked for before the codec is loaded."""
        operations: Callable[[str], Callable[..., Any]] = self._engine.sealing(self._context)(self._operation("inside"))
        return operations


class Codec:
    """A codec and how it has to be run.

    The first call is answered in a realm of its own, which shows what the codec changes in the language. Where that can
    be laid down and undone, all further calls share a sealed realm, else each has one for itself.
    """

    def __init__(self, engine: Engine, source: str, strict: bool) -> None:
        body = ("'use strict';" if strict else "") + PROLOGUE + source
        self._engine = engine
        self._factory = "({codec(){" + body + "\n}}).codec"
        self._other_form = "(function(){" + body + "\n})"
        self._changes: str | None = None
        self._shared: Callable[..., str] | None = None

    @property
    def holds_realm(self) -> bool:
        """Whether a sealed realm takes up memory."""
        return self._shared is not None

    def release(self) -> None:
        """Give the sealed realm back; the next call makes a new one."""
        self._shared = None

    def answer(self, given: Given) -> str:
        """The codec's answer as JSON text, or `!kind:text`."""
        if self._changes is None:
            return self._first(given)
        if self._changes == UNDOABLE:
            return self._alone(given)
        text = self._together(given)
        if text.startswith(FINAL):
            return text
        again = self._alone(given)
        if not again.startswith("!"):
            self._changes = UNDOABLE  # it needs what a sealed realm does not give
        return again

    def _first(self, given: Given) -> str:
        """Code that closes the function it is in cannot do so in both forms: what compiles in both is one function."""
        try:
            context = self._engine.context()
            self._engine.limit(context)
            context.eval(self._other_form)
            realm = self._engine.realm(self._factory)
            sealing = realm.sealing()
            sealing("watch")()
            realm.load()
        except self._engine.error as error:
            return refusal(error, "not_loaded")
        text = self._run(realm.run, given)
        if not text.startswith("!"):
            self._changes = sealing("changes")()
        return text

    def _alone(self, given: Given) -> str:
        realm = self._engine.realm(self._factory)
        realm.load()
        return self._run(realm.run, given)

    def _together(self, given: Given) -> str:
        if self._shared is None:
            assert self._changes is not None
            realm = self._engine.realm(self._factory)
            sealing = realm.sealing()
            sealing("seal")(self._changes)
            realm.load()
            self._shared = sealing("run")
        text = self._run(self._shared, given)
        if not text or text.startswith(BROKEN):
            self.release()
        return text

    def _run(self, function: Callable[..., str], given: Given) -> str:
        try:
            return function(*given)
        except self._engine.error as error:
            return refusal(error, "threw")


def refusal(error: Exception, kind: str) -> str:
    """What the engine itself said, in the form of an answer."""
    first, _, rest = str(error).partition("\n")
    if "InternalError: interrupted" in first:
        kind = "overrun"
    elif "out of memory" in first or "Maximum call stack size" in first:
        kind = "memory"
    line = rest.partition("<input>:")[2].partition(":")[0]
    return f"!{kind}:{first[:500]}" + (f" (line {line})" if line.isdecimal() else "")


class Worker:
    """Answers requests, one after the other, until the other side closes."""

    def __init__(self, engine: Engine, progress: int) -> None:
        self._engine = engine
        self._progress = progress
        self._codecs: dict[int, Codec] = {}
        self._realms: deque[Codec] = deque()

    def serve(self, requests: BinaryIO, answers: BinaryIO) -> None:
        """Until the end of `requests`."""
        while len(head := requests.read(LENGTH.size)) == LENGTH.size:
            request = json.loads(requests.read(*LENGTH.unpack(head)))
            answer = self.answer(request).encode()
            answers.write(LENGTH.pack(len(answer)) + answer)
            answers.flush()

    def answer(self, request: dict[str, Any]) -> str:
        """A line for each call of the request that was made."""
        for number, (source, strict) in request["load"].items():
            self._codecs[int(number)] = Codec(self._engine, source, strict)
        answers = []
        for position, (number, *given) in enumerate(request["calls"], start=1):
            os.pwrite(self._progress, LENGTH.pack(position), 0)
            self._engine.allow_one_call()
            text = self._call(self._codecs[number], given)
            answers.append(text.replace("\n", " ") if text.startswith("!") else text)
            if text.startswith("!overrun"):
                break
        os.pwrite(self._progress, LENGTH.pack(0), 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number in request["drop"]:
            self._codecs.pop(number).release()
        return "\n".join(answers)

    def _call(self, codec: Codec, given: Given) -> str:
        held = codec.holds_realm
        try:
            text = codec.answer(given)
        except self._engine.error as error:  # not even a realm for it could be made or read
            codec.release()
            return refusal(error, "memory")
        if codec.holds_realm and not held:
            self._make_room_for(codec)
        return text

    def _make_room_for(self, codec: Codec) -> None:
        self._realms.append(codec)
        while len(self._realms) > MOST_REALMS:
            self._realms.popleft().release()


def give_up_rights() -> None:
    """What this process will never need: files, other processes, most of the memory, root.

    It ends when its input does. Signals that end the service are not for it: the service drains, and still needs it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LENGTH.size, LENGTH.size))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def main() -> None:
    """Prove the engine, say so with an empty frame, then serve."""
    folder, progress, milliseconds, memory = sys.argv[1:]
    engine = Engine(folder, int(milliseconds) / 1000, int(memory))
    give_up_rights()
    engine.prove()
    sys.stdout.buffer.write(LENGTH.pack(0))
    sys.stdout.buffer.flush()
    Worker(engine, int(progress)).serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
