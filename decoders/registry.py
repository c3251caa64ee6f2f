"""`Registry`: every decoder of an installation: built in, configured, from private folders and from packages.

Nothing has to be edited to add one. A mistake in a built-in decoder or in the configuration is an error, told with all
others at once. An outsider's mistake costs only the outsider: its file is left out, or goes on in its old version when
there is one, and `problems` says so. Loading gives a complete new `Registry` or raises; the old one stays in use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from decoders.codecs import NO_CODECS, CodecFolder
from decoders.decoder import Decoder
from decoders.discovery import Entry, Find, Finds, Origin, in_folder, in_packages

__all__ = ["BUILT_IN", "Entry", "LeftOut", "Origin", "Registry", "RegistryError"]

BUILT_IN = Path(__file__).with_name("devices")

_OURS = (Origin.BUILT_IN, Origin.CONFIGURED)
"""Whose mistakes are errors."""

_SHIPPED: dict[str, Find] = {}
"""The built-in decoders as this process last read them: files that have not changed are not compiled again."""


class RegistryError(Exception):
    """Decoders that cannot be used.

    Attributes:
        problems: one line each, naming the files.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that an outsider offers and that is not used.

    Attributes:
        where: its file, or its entry point.
        reason: what is wrong, one line.
        kept: an old version of the file's decoders stays in use instead.
        claim: only a device profile that another has; the decoder itself is used.
        content_hash: tells two states of the file apart.
    """

    where: str
    reason: str
    kept: bool = False
    content_hash: str = ""
    claim: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" + ("; its old version stays in use" if self.kept else "")


@dataclass(frozen=True, slots=True)
class Registry:
    """All decoders by name; immutable, so that a reload can swap one for another.

    Attributes:
        entries: by decoder name.
        profiles: the decoders' own device profile names, case-folded.
        problems: what outsiders offered and is not used.
        finds: every file and package, for the next load.
    """

    entries: Mapping[str, Entry]
    profiles: Mapping[str, Entry] = field(default_factory=dict)
    problems: tuple[LeftOut, ...] = ()
    finds: Finds = field(default_factory=dict, repr=False)

    @classmethod
    def load(
        cls,
        *folders: Path,
        configured: Sequence[Entry] = (),
        codecs: CodecFolder = NO_CODECS,
        previous: "Registry | None" = None,
    ) -> "Registry":
        """Read the built-in decoders, those of packages and those in `folders`.

        Args:
            configured: decoders that the configuration defines.
            codecs: vendors' codecs with their configuration.
            previous: the registry in use; a file that is broken now keeps the decoders that it has there.

        Raises:
            RegistryError: a mistake in a built-in or configured decoder, or a folder that is not there.
        """
        claims = _Claims()
        claims.problems.extend(f"{folder}: no such folder" for folder in folders if not folder.is_dir())
        finds = list(_everything(folders, configured, codecs, {} if previous is None else previous.finds))
        for find in finds:
            claims.take(find)
        if claims.problems:
            raise RegistryError(claims.problems)
        return cls(
            MappingProxyType(claims.names),
            MappingProxyType(claims.profiles),
            tuple(claims.left_out),
            {find.where: find for find in finds},
        )

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


def _everything(
    folders: Iterable[Path], configured: Sequence[Entry], codecs: CodecFolder, before: Finds
) -> Iterator[Find]:
    """Every find; whoever comes first has the better claim."""
    for find in in_folder(BUILT_IN, Origin.BUILT_IN, _SHIPPED):
        _SHIPPED[find.where] = find
        yield find
    for entry in configured:
        yield Find(str(entry.path), Origin.CONFIGURED, (entry,))
    yield from codecs.finds(before)
    for folder in dict.fromkeys(folders):
        yield from in_folder(folder, Origin.FOLDER, before)
    yield from in_packages()


class _Claims:
    """Who has which name and device profile, and what is wrong with the finds."""

    def __init__(self) -> None:
        self.names: dict[str, Entry] = {}
        self.profiles: dict[str, Entry] = {}
        self.problems: list[str] = []
        self.left_out: list[LeftOut] = []

    def take(self, find: Find) -> None:
        """Note the find's decoders and what is wrong with it."""
        if find.broken:
            self._tell(find, find.broken, kept=bool(find.entries))
        for entry in find.entries:
            if self._taken(find, "name", entry.decoder.name, self.names):
                continue
            self.names[entry.decoder.name] = entry
            for profile in {profile.casefold() for profile in entry.decoder.profiles}:
                if not self._taken(find, "device profile", profile, self.profiles):
                    self.profiles[profile] = entry

    def _taken(self, find: Find, what: str, key: str, claims: Mapping[str, Entry]) -> bool:
        first = claims.get(key)
        if first is None:
            return False
        winner = "the built-in one" if first.origin is Origin.BUILT_IN else "the first"
        way_out = "give this one another name" if what == "name" else "mapping.profiles can say otherwise"
        self._tell(
            find, f"{what} {key!r} is claimed by {first.path}, too; {winner} has it: {way_out}", claim=what != "name"
        )
        return True

    def _tell(self, find: Find, reason: str, *, kept: bool = False, claim: bool = False) -> None:
        if find.origin in _OURS:
            self.problems.append(f"{find.where}: {reason}")
        else:
            self.left_out.append(LeftOut(find.where, reason, kept, find.content_hash, claim))
