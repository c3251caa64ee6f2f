"""What `stadtfunk decoder test` does with one decoder: the rules of the collection, its speed, its silent bytes.

Needs no test framework and no repository, only the decoder and its vector file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice
from time import perf_counter

from decoders.decoder import Decoder
from decoders.errors import DecodeError
from decoders.registry import Entry, Origin
from decoders.uplink import Uplink
from stadtfunk.kit import rules
from stadtfunk.kit.bytemap import map_bytes, spans
from stadtfunk.kit.vectors import Case, VectorError, uplink, vector_file, vectors_of

SEED = 20261124
MOST_PROBLEMS = 5
"""Problems of one check that are told; a broken decoder fails thousands of random payloads for one reason."""
TIMED_SECONDS = 0.2
_ROUNDS = 5


class Status(StrEnum):
    """How a check ended. A note is worth a look and fails only on demand; a skipped check did not apply."""

    PASSED = "passed"
    FAILED = "failed"
    NOTE = "note"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        problems: one line each; at most `MOST_PROBLEMS`.
        detail: what was looked at, in few words.
    """

    name: str
    status: Status
    problems: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one decoder; `microseconds` per decode is None without a vector that decodes."""

    entry: Entry
    checks: tuple[Check, ...]
    vectors: int
    microseconds: float | None

    def passed(self, *, strict: bool = False) -> bool:
        """True when no check failed and, if `strict`, none has a note."""
        bad = {Status.FAILED, Status.NOTE} if strict else {Status.FAILED}
        return not any(check.status in bad for check in self.checks)

    def as_object(self, *, strict: bool = False) -> dict[str, object]:
        """Plain JSON values."""
        decoder = self.entry.decoder
        return {
            "decoder": decoder.name,
            "version": decoder.version,
            "origin": self.entry.origin.value,
            "passed": self.passed(strict=strict),
            "vectors": self.vectors,
            "microseconds_per_decode": self.microseconds,
            "checks": [asdict(check) for check in self.checks],
        }


def examine(entry: Entry) -> Report:
    """Run every check on a decoder."""
    try:
        vectors = vectors_of(entry)
    except VectorError as error:
        unusable = Check("vectors", Status.FAILED, (str(error),))
        return Report(entry, (*_file_checks(entry), unusable), 0, None)
    decoder = entry.decoder
    microseconds = speed(decoder, vectors)
    checks = (
        *_file_checks(entry),
        _vectors(entry, vectors),
        _truncation(decoder, vectors),
        _check("random payloads", rules.random_payloads(decoder, vectors, SEED), _random_payloads(vectors)),
        _coverage(decoder, vectors),
        _declared(decoder, vectors),
    )
    return Report(entry, checks, len(vectors), microseconds)


def speed(decoder: Decoder, vectors: Sequence[Case]) -> float | None:
    """Microseconds that decoding one of the vectors takes, the best of some rounds; None when none decodes."""
    messages = [message for case in vectors if _decodes(decoder, message := uplink(case.payload, case.f_port))]
    if not messages:
        return None
    once = _seconds(decoder, messages, 1)
    repeats = max(1, round(TIMED_SECONDS / _ROUNDS / max(once, 1e-6)))
    best = min(_seconds(decoder, messages, repeats) for _ in range(_ROUNDS))
    return best / repeats / len(messages) * 1e6


def silent_bytes(decoder: Decoder, vectors: Sequence[Case]) -> Iterator[str]:
    """Bytes that make no difference and that their vector does not declare; vectors that agree are told together."""
    agreeing: dict[tuple[int, str], list[str]] = {}
    for case in vectors:
        silent = _silent(decoder, case)
        if silent:
            agreeing.setdefault((case.f_port, spans(silent)), []).append(case.name)
    for (port, offsets), names in agreeing.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"port {port}, byte {offsets} of {names[0]}{others}: read them, or declare them in the vector's `silent`"


def undemonstrated(decoder: Decoder, vectors: Sequence[Case]) -> Iterator[str]:
    """Kinds and ports that the decoder declares and no vector shows."""
    shown = {str(reading.get("kind")) for case in vectors for reading in case.readings or ()}
    yield from (f"no vector shows a reading of {kind.kind}" for kind in decoder.kinds if kind.kind not in shown)
    ports = {case.f_port for case in vectors if case.readings is not None}
    missing = [str(port) for port in decoder.f_ports if port not in ports]
    if missing:
        yield f"no vector shows port {', '.join(missing)}"


def _file_checks(entry: Entry) -> tuple[Check, ...]:
    """Rules about a decoder's own text; one that is configured has none."""
    if entry.path.suffix != ".py":
        return tuple(Check(name, Status.SKIPPED, detail="no Python file") for name in ("file", "code"))
    texts: tuple[Callable[[Entry], Iterator[str]], ...] = (rules.naming, rules.documentation, rules.unfinished)
    told = tuple(problem for rule in texts for problem in rule(entry))
    file = Check("file", Status.FAILED if told else Status.PASSED, told, entry.path.name)
    return file, _check("code", rules.purity_of_code(entry), "pure")


def _vectors(entry: Entry, vectors: Sequence[Case]) -> Check:
    file = vector_file(entry)
    if entry.origin is Origin.BUILT_IN and not file.parent.is_dir():
        return Check("vectors", Status.SKIPPED, detail="those of built-in decoders are in the repository only")
    if not vectors:
        return Check("vectors", Status.FAILED, (f"no vectors: {file} is missing or empty",))

    def problems() -> Iterator[str]:
        yield from rules.enough_vectors(vectors)
        yield from rules.complete_vectors(vectors)
        yield from rules.expected(entry.decoder, vectors)

    refused = sum(case.error is not None for case in vectors)
    return _check("vectors", problems(), f"{len(vectors)}, of them {refused} refused")


def _truncation(decoder: Decoder, vectors: Sequence[Case]) -> Check:
    cuts = sum(len(case.payload) for case in vectors)
    if not cuts:
        return Check("truncation", Status.SKIPPED, detail="no vector with a payload")
    return _check("truncation", rules.truncations(decoder, vectors), f"{cuts} cuts")


def _coverage(decoder: Decoder, vectors: Sequence[Case]) -> Check:
    told = tuple(silent_bytes(decoder, vectors))
    size = sum(len(case.payload) for case in vectors if case.readings is not None)
    if not size:
        return Check("coverage", Status.SKIPPED, detail="no vector with readings")
    return Check("coverage", Status.NOTE if told else Status.PASSED, _few(iter(told)), f"{size} bytes of vectors")


def _declared(decoder: Decoder, vectors: Sequence[Case]) -> Check:
    if not vectors:
        return Check("shown by vectors", Status.SKIPPED, detail="no vector")
    told = tuple(undemonstrated(decoder, vectors))
    return Check("shown by vectors", Status.NOTE if told else Status.PASSED, told, "kinds, ports")


def _check(name: str, problems: Iterator[str], detail: str) -> Check:
    told = _few(problems)
    return Check(name, Status.FAILED if told else Status.PASSED, told, detail)


def _few(problems: Iterator[str]) -> tuple[str, ...]:
    told = list(islice(problems, MOST_PROBLEMS))
    return (*told, "and more") if next(problems, None) is not None else tuple(told)


def _random_payloads(vectors: Sequence[Case]) -> str:
    return f"{rules.RANDOM_PAYLOADS * (2 if vectors else 1)} payloads"


def _silent(decoder: Decoder, case: Case) -> list[int]:
    """Offsets; none of a vector that is refused, rightly or wrongly (the vectors' own check tells the latter), and of
    a part of a message, which gives nothing before it is whole."""
    message = uplink(case.payload, case.f_port)
    if case.readings is None or not _decodes(decoder, message) or decoder.decode(message).fragment is not None:
        return []
    return [one.offset for one in map_bytes(decoder, message) if one.silent and one.offset not in case.silent_bytes]


def _decodes(decoder: Decoder, message: Uplink) -> bool:
    try:
        decoder.decode(message)
    except DecodeError:
        return False
    return True


def _seconds(decoder: Decoder, messages: Sequence[Uplink], repeats: int) -> float:
    decode = decoder.decode
    started = perf_counter()
    for _ in range(repeats):
        for message in messages:
            decode(message)
    return perf_counter() - started
