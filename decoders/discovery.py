"""Finds decoders: in the files of a folder, and behind the entry points of installed packages (`stadtfunk.decoders`).

A file defines `DECODER` or `DECODERS`. An entry point names such a module, a `Decoder`, or a sequence of them. Each
find is looked over before anybody uses it, and what is wrong with one is told without touching its neighbours.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from importlib.abc import InspectLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import decode_source, module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

from decoders.decoder import Decoder
from decoders.readings import KINDS

GROUP = "stadtfunk.decoders"
"""The entry points that a package offers its decoders under."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,62}")


class Origin(StrEnum):
    """Where a decoder comes from."""

    BUILT_IN = "built-in"
    CONFIGURED = "configuration"
    CODEC = "vendor codec"
    FOLDER = "private folder"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoder and the file it came from; `file_hash` is the start of the file's SHA-256.

    One that is made from the configuration has the path of the file in which it is configured and the hash of its
    definition.
    """

    decoder: Decoder
    path: Path
    file_hash: str
    origin: Origin = Origin.CONFIGURED


@dataclass(frozen=True, slots=True)
class Find:
    """One file or entry point and its decoders.

    Attributes:
        where: the path, or the entry point with its package.
        broken: why it cannot be used; `entries` are then those of its last state that could.
        content_hash: of what was read, so that two states of one file are two finds.
    """

    where: str
    origin: Origin
    entries: tuple[Entry, ...] = ()
    broken: str = ""
    content_hash: str = ""


Finds = Mapping[str, Find]
"""Finds by `where`."""


def in_folder(folder: Path, origin: Origin, before: Finds) -> Iterator[Find]:
    """Files of a folder in order of their names; files with a leading underscore are no devices.

    Args:
        before: what an earlier walk found. A file that has not changed since is not executed again; one that is
            broken now has the decoders that it had.
    """
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            yield _in_file(path, origin, before.get(str(path)))


def in_packages() -> Iterator[Find]:
    """What installed packages offer, in order of package and name. Their modules stay imported until a restart."""
    points = entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (_package(point), point.name)):
        where = f"entry point {point.name} = {point.value} of {_package(point)}"
        try:
            entries = [_packaged(decoder, point) for decoder in _decoders(_loaded(point))]
        except _Unusable as error:
            yield Find(where, Origin.PACKAGE, broken=str(error))
        else:
            yield Find(where, Origin.PACKAGE, tuple(entries))


class _Unusable(Exception):
    """A file or entry point cannot be used; the text says why."""


def _in_file(path: Path, origin: Origin, before: Find | None) -> Find:
    kept = () if before is None else before.entries
    try:
        content = path.read_bytes()
    except OSError as error:
        return Find(str(path), origin, kept, f"cannot be read: {error.strerror}")
    digest = content_hash(content)
    if before is not None and before.content_hash == digest and not before.broken:
        return before
    try:
        decoders = _decoders(_import(path, content, digest, origin))
    except _Unusable as error:
        return Find(str(path), origin, kept, str(error), digest)
    return Find(str(path), origin, tuple(Entry(decoder, path, digest, origin) for decoder in decoders), "", digest)


def content_hash(content: bytes) -> str:
    """The start of the SHA-256 of a file or definition: what tells two states of a decoder apart."""
    return sha256(content).hexdigest()[:12]


class _FileLoader(InspectLoader):
    """Imports one file from bytes that were read once, so that code and hash are of the same content."""

    def __init__(self, path: Path, content: bytes) -> None:
        self._path = path
        self._content = content

    def get_source(self, fullname: str) -> str:  # noqa: ARG002  (signature of the import system)
        return decode_source(self._content)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_source(fullname), str(self._path))

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002  (signature of the import system)
        return False


def _import(path: Path, content: bytes, digest: str, origin: Origin) -> ModuleType:
    loader = _FileLoader(path, content)
    own_name = f"stadtfunk_private_{path.stem}_{digest}"
    spec = spec_from_loader(
        f"decoders.devices.{path.stem}" if origin is Origin.BUILT_IN else own_name, loader, origin=str(path)
    )
    assert spec is not None
    module = module_from_spec(spec)
    with _importable(module), _outside_code():
        loader.exec_module(module)
    return module


@contextmanager
def _importable(module: ModuleType) -> Iterator[None]:
    """The module is found under its name while it runs: dataclasses ask for it."""
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before


@contextmanager
def _outside_code() -> Iterator[None]:
    """An outsider's code may raise anything, and even want to end the program; it must not take the others down."""
    try:
        yield
    except KeyboardInterrupt:  # ours, not the code's
        raise
    except BaseException as error:
        raise _Unusable(f"does not import: {type(error).__name__}: {error}") from error


def _loaded(point: EntryPoint) -> object:
    with _outside_code():
        return point.load()


def _packaged(decoder: Decoder, point: EntryPoint) -> Entry:
    """The decoder with the file that defines its function; a package without files is known by its version."""
    module = sys.modules.get(decoder.function.__module__) or sys.modules.get(point.module)
    path = Path(getattr(module, "__file__", None) or point.module)
    try:
        content = path.read_bytes()
    except OSError:
        content = f"{point.value} {_package(point)}".encode()
    return Entry(decoder, path, content_hash(content), Origin.PACKAGE)


def _package(point: EntryPoint) -> str:
    return "" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _decoders(found: object) -> list[Decoder]:
    """The decoders in a module, a sequence, or the one itself."""
    if isinstance(found, ModuleType):
        found = getattr(found, "DECODERS", None) or getattr(found, "DECODER", None)
    named = found if isinstance(found, Sequence) else (found,)
    decoders = [decoder for decoder in named if isinstance(decoder, Decoder)]
    if not decoders or len(decoders) < len(named):
        raise _Unusable("defines neither DECODER nor DECODERS")
    for decoder in decoders:
        for problem in _mistakes(decoder):
            raise _Unusable(f"decoder {decoder.name!r}: {problem}")
    return decoders


def _mistakes(decoder: Decoder) -> Iterator[str]:
    """What a type checker would have told the author, and what tables, metrics and mappings rely on."""
    if not isinstance(decoder.name, str) or not _NAME.fullmatch(decoder.name):
        yield "a name is lower-case letters, digits and underscores, 63 at most"
    if not isinstance(decoder.version, int) or decoder.version < 1:
        yield f"a version is a whole number from 1, not {decoder.version!r}"
    if not callable(decoder.function):
        yield "its function cannot be called"
    if not _all(decoder.kinds, lambda kind: kind in KINDS) or not decoder.kinds:
        yield "kinds is a tuple of reading kinds, not empty"
    if not _all(decoder.profiles, lambda profile: isinstance(profile, str)):
        yield "profiles is a tuple of texts; one alone needs a comma: ('Acme',)"
    if not _all(decoder.f_ports, lambda port: isinstance(port, int) and 0 < port < 256):
        yield "f_ports is a tuple of ports; one alone needs a comma: (2,)"
    if not all(isinstance(text, str) for text in (decoder.vendor, decoder.model, decoder.source)):
        yield "vendor, model and source are texts"


def _all(values: object, holds: Callable[[object], bool]) -> bool:
    return isinstance(values, (tuple, list)) and all(map(holds, values))
