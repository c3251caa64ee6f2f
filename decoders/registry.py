"""`Registry`: every decoder that is installed, found by walking `decoders/devices/`.

A file there defines `DECODER` or `DECODERS`; nothing else has to be edited. Loading reads each file anew, so a
reload sees changed files, and either gives a complete new `Registry` or raises with every problem at once:
the old one stays in use.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.abc import InspectLoader
from importlib.util import decode_source, module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, MappingProxyType, ModuleType

from decoders.decoder import Decoder

BUILT_IN = Path(__file__).with_name("devices")


class RegistryError(Exception):
    """Decoder files that cannot be used.

    Attributes:
        problems: one line each, naming the files.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoder and the file it came from; `file_hash` is the start of the file's SHA-256.

    One that is made from the configuration has the path of the file in which it is configured and the hash of its
    definition.
    """

    decoder: Decoder
    path: Path
    file_hash: str


@dataclass(frozen=True, slots=True)
class Registry:
    """All decoders by name; immutable, so that a reload can swap one for another.

    Attributes:
        entries: by decoder name.
        profiles: the decoders' own device profile names, case-folded.
    """

    entries: Mapping[str, Entry]
    profiles: Mapping[str, Entry] = field(default_factory=dict)

    @classmethod
    def load(cls, *folders: Path, configured: Sequence[Entry] = ()) -> "Registry":
        """Read the built-in decoders and those in `folders`; `configured` are made from the configuration.

        Raises:
            RegistryError: files without a decoder, files that do not import, two claims on a name or profile.
        """
        problems: list[str] = []
        found = [entry for folder in (BUILT_IN, *folders) for entry in _walk(folder, problems)]
        found += configured
        names = _claims([(entry.decoder.name, entry) for entry in found], "name", problems)
        own = [(profile.casefold(), entry) for entry in found for profile in entry.decoder.profiles]
        profiles = _claims(own, "device profile", problems)
        if problems:
            raise RegistryError(problems)
        return cls(MappingProxyType(names), MappingProxyType(profiles))

    @property
    def decoders(self) -> tuple[Decoder, ...]:
        """All decoders in order of their names."""
        return tuple(self.entries[name].decoder for name in sorted(self.entries))

    def by_name(self, name: str) -> Decoder:
        """The decoder called `name`.

        Raises:
            KeyError: there is none.
        """
        return self.entries[name].decoder

    def file_hash(self, name: str) -> str:
        """Hash of the file that defines the decoder `name`; recorded beside its version."""
        return self.entries[name].file_hash


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


class _FileError(Exception):
    """One file cannot be used; the text says why."""


def _walk(folder: Path, problems: list[str]) -> Iterator[Entry]:
    """Entries of all files of a folder in order of their names; files with a leading underscore are no devices."""
    if not folder.is_dir():
        problems.append(f"{folder}: no such folder")
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            yield from _entries(path)
        except _FileError as error:
            problems.append(f"{path}: {error}")


def _entries(path: Path) -> list[Entry]:
    content = path.read_bytes()
    module = _import(path, content)
    named = getattr(module, "DECODERS", None) or (getattr(module, "DECODER", None),)
    decoders = [decoder for decoder in named if isinstance(decoder, Decoder)]
    if len(decoders) < len(named):
        raise _FileError("defines neither DECODER nor DECODERS")
    digest = sha256(content).hexdigest()[:12]
    return [Entry(decoder, path, digest) for decoder in decoders]


def _import(path: Path, content: bytes) -> ModuleType:
    loader = _FileLoader(path, content)
    spec = spec_from_loader(f"decoders.devices.{path.stem}", loader, origin=str(path))
    assert spec is not None
    module = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except Exception as error:  # an outsider's file may raise anything; it must not take the others down
        raise _FileError(f"does not import: {type(error).__name__}: {error}") from error
    return module


def _claims(claims: Sequence[tuple[str, Entry]], what: str, problems: list[str]) -> dict[str, Entry]:
    """The claims as a mapping; a second claim on the same key is a problem that names both files."""
    taken: dict[str, Entry] = {}
    for key, entry in claims:
        first = taken.setdefault(key, entry)
        if first is not entry:
            problems.append(f"{what} {key!r} is claimed by {first.path} and by {entry.path}")
    return taken
