"""The rules of the collection: what every decoder has to keep, whoever wrote it and in whatever form.

Each function gives the problems it found, so that a test can show a good decoder and prove that a bad one is caught.
The same functions run in the tests of this project and in `stadtfunk decoder test`.
"""

import ast
import io
import random
import tokenize
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime
from enum import Enum
from math import isfinite

from decoders.decoder import Decoder
from decoders.errors import DecodeError, RejectReason
from decoders.readings import BayEvent, ParkingBay, QualityFlag, Reading
from decoders.registry import Entry
from decoders.uplink import Uplink
from stadtfunk.kit.expectations import defect, differences
from stadtfunk.kit.vectors import TODO, Case, uplink

PURE_MODULES = {
    *("collections.abc", "dataclasses", "datetime", "enum", "functools", "itertools", "json", "math", "re", "struct"),
    *("types", "typing", "pydantic", "cryptography", "decoders"),
}
IMPURE_NAMES = {"open", "print", "input", "eval", "exec", "compile", "__import__", "globals", "vars", "setattr"}
IMPURE_METHODS = {"now", "utcnow", "today"}
RANDOM_PAYLOADS = 2000
LONGEST_PAYLOAD = 242
LEAST_VECTORS, LEAST_REFUSED = 3, 1

SMALLINT, BIGINT = 2**15, 2**63
LONGEST_TEXT = 64


def naming(entry: Entry) -> Iterator[str]:
    """A file's decoder is called like the file; further ones begin like it."""
    stem = entry.path.stem
    if entry.decoder.name != stem and not entry.decoder.name.startswith(f"{stem}_"):
        yield f"decoder {entry.decoder.name!r} in {entry.path.name}"
    if entry.decoder.version < 1:
        yield "version below 1"


def documentation(entry: Entry) -> Iterator[str]:
    """The docstring states the byte layout and the source."""
    text = ast.get_docstring(_tree(entry)) or ""
    for word in ("Layout", "Source:"):
        if word not in text:
            yield f"docstring without {word!r}"
    if not entry.decoder.source:
        yield "no source"


def unfinished(entry: Entry) -> Iterator[str]:
    """What the author left to do, line by line."""
    source = entry.path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) and TODO in token.string:
            for number, line in enumerate(token.string.splitlines(), start=token.start[0]):
                if TODO in line:
                    yield f"line {number}: {line.strip(' #')}"


def purity_of_code(entry: Entry) -> Iterator[str]:
    """Imports and names that reach outside: files, network, clock, randomness, other rooms."""
    for node in ast.walk(_tree(entry)):
        if isinstance(node, ast.Import):
            yield from (f"imports {alias.name}" for alias in node.names if not _is_pure(alias.name))
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level or not _is_pure(module):
                yield f"imports from {module or 'a relative path'}"
        elif isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in IMPURE_METHODS:
            yield f"asks a clock: {node.attr}"
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield "keeps state"


def enough_vectors(vectors: Sequence[Case]) -> Iterator[str]:
    """At least three vectors with readings and one that is refused."""
    good = sum(case.error is None for case in vectors)
    refused = sum(case.error is not None for case in vectors)
    if good < LEAST_VECTORS:
        yield f"fewer than three vectors: {LEAST_VECTORS - good} with readings to be added"
    if refused < LEAST_REFUSED:
        yield "no error vector: add a payload that must be refused, with its `error`"


def complete_vectors(vectors: Sequence[Case]) -> Iterator[str]:
    """Every vector has an expectation and names its source."""
    for case in vectors:
        missing = list(case.todo)
        if case.readings is None and case.error is None and "readings" not in missing:
            missing.append("readings or error")
        if not case.source and "source" not in missing:
            missing.append("source")
        if missing:
            yield f"{case.name}: to do: {', '.join(missing)}"
        if case.deviates and not case.note:
            yield f"{case.name}: deviates from the vendor without a note that says why"


def expected(decoder: Decoder, vectors: Sequence[Case]) -> Iterator[str]:
    """Every vector gives what it expects."""
    for case in vectors:
        yield from (f"{case.name}: {problem}" for problem in differences(decoder, case))


def truncations(decoder: Decoder, vectors: Sequence[Case]) -> Iterator[str]:
    """Every vector cut off after every byte."""
    for case in vectors:
        for size in range(len(case.payload)):
            yield from one_payload(decoder, case.payload[:size], case.f_port)


def random_payloads(decoder: Decoder, vectors: Sequence[Case], seed: int) -> Iterator[str]:
    """Random bytes on the decoder's ports and others, and vectors with changed bytes, which get further."""
    draw = random.Random(seed)
    ports = [*(decoder.f_ports or range(1, 224)), 0, 99, 223]
    for _ in range(RANDOM_PAYLOADS):
        yield from one_payload(decoder, draw.randbytes(draw.randrange(LONGEST_PAYLOAD)), draw.choice(ports))
    for _ in range(RANDOM_PAYLOADS if vectors else 0):
        case = draw.choice(vectors)
        payload = bytearray(case.payload + draw.randbytes(draw.randrange(3)))
        for _ in range(draw.randrange(1, 4)):
            if payload:
                payload[draw.randrange(len(payload))] = draw.randrange(256)
        yield from one_payload(decoder, bytes(payload), case.f_port)


def one_payload(decoder: Decoder, payload: bytes, f_port: int) -> Iterator[str]:
    """What goes wrong with one payload: errors other than a refusal, unstorable values, impurity."""
    message = uplink(payload, f_port)
    before = deepcopy(message)
    first, second = _outcome(decoder, message), _outcome(decoder, message)
    where = f"port {f_port} payload {payload.hex()}"
    if first != second:
        yield f"{where}: not the same twice"
    if message != before:
        yield f"{where}: changed the uplink"
    if isinstance(first, str):
        if first == RejectReason.DECODER_ERROR:
            yield f"{where}: decoder error{_defect(decoder, message)}"
        return
    for reading in first:
        yield from (f"{where}: {problem}" for problem in (*unstorable(reading), *false_sighting(reading)))


def unstorable(reading: Reading) -> Iterator[str]:
    """Fields that a database column does not hold or that mean nothing."""
    if not 0 <= reading.channel < SMALLINT:
        yield f"channel {reading.channel}"
    for name, value in reading:
        if isinstance(value, float) and not isfinite(value):
            yield f"{name} is {value}"
        elif isinstance(value, int) and not -BIGINT <= value < BIGINT:
            yield f"{name} is larger than a column"
        elif isinstance(value, str) and not isinstance(value, Enum):
            if len(value) > LONGEST_TEXT or not value.isprintable():
                yield f"{name} is no short printable text"
        elif isinstance(value, datetime) and value.tzinfo is None:
            yield f"{name} has no time zone"


def false_sighting(reading: Reading) -> Iterator[str]:
    """A parking bay that claims to have been seen when its sensor started: it has not looked yet."""
    if not isinstance(reading, ParkingBay):
        return
    started = QualityFlag.STARTUP in reading.flags
    if started != (reading.event is BayEvent.STARTUP):
        yield "the flag STARTUP and the event startup go together"
    if started and reading.occupied is not None:
        yield "a start-up frame is no sighting: occupied must be None"


def _outcome(decoder: Decoder, message: Uplink) -> str | tuple[Reading, ...]:
    """The readings, or the reason of the refusal; any other exception fails the test by itself."""
    try:
        return decoder.decode(message).readings
    except DecodeError as refusal:
        return refusal.reason


def _defect(decoder: Decoder, message: Uplink) -> str:
    """What the decoder tripped over, when it does so again."""
    try:
        decoder.decode(message)
    except DecodeError as refusal:
        words = defect(refusal) or refusal.detail
        return f" ({words})" if words else ""
    return ""


def _is_pure(module: str) -> bool:
    return module in PURE_MODULES or module.partition(".")[0] in PURE_MODULES


def _tree(entry: Entry) -> ast.Module:
    return ast.parse(entry.path.read_bytes())
