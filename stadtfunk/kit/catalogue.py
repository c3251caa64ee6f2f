"""What an installation can decode, as data: for `stadtfunk decoder list` and for the page in the documentation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from decoders.readings import Reading, quantities
from decoders.registry import Entry, Registry
from stadtfunk.kit.vectors import Case, VectorError, vectors_of


@dataclass(frozen=True, slots=True)
class Listed:
    """One decoder.

    Attributes:
        quantities: what its vectors show, by kind; without vectors whatever its kinds have.
        vectors, refused: how many vectors, and how many of them are to be refused.
        problem: why its vectors cannot be read; empty when they can, or when there are none.
    """

    entry: Entry
    quantities: Mapping[type[Reading], tuple[str, ...]]
    vectors: int
    refused: int
    problem: str = ""

    def as_object(self) -> dict[str, object]:
        """Plain JSON values."""
        decoder = self.entry.decoder
        return {
            "name": decoder.name,
            "vendor": decoder.vendor,
            "model": decoder.model,
            "version": decoder.version,
            "kinds": [kind.kind for kind in decoder.kinds],
            "quantities": {kind.kind: _with_units(kind, names) for kind, names in self.quantities.items()},
            "ports": list(decoder.f_ports),
            "profiles": list(decoder.profiles),
            "vectors": self.vectors,
            "refused_vectors": self.refused,
            "source": decoder.source,
            "origin": self.entry.origin.value,
            "file": str(self.entry.path),
            "file_hash": self.entry.file_hash,
            "problem": self.problem,
        }


def catalogue(registry: Registry) -> list[Listed]:
    """Every decoder, in order of names."""
    return [_listed(registry.entries[name]) for name in sorted(registry.entries)]


def _listed(entry: Entry) -> Listed:
    try:
        vectors = vectors_of(entry)
    except VectorError as error:
        return Listed(entry, _shown(entry, ()), 0, 0, str(error))
    refused = sum(case.error is not None for case in vectors)
    return Listed(entry, _shown(entry, vectors), len(vectors), refused)


def _shown(entry: Entry, vectors: Iterable[Case]) -> dict[type[Reading], tuple[str, ...]]:
    """Fields that have a value in a vector, in the order of the kind."""
    shown: dict[str, set[str]] = {}
    for case in vectors:
        for reading in case.readings or ():
            said = reading.get("values")
            names = [name for name, value in said.items() if value is not None] if isinstance(said, dict) else []
            shown.setdefault(str(reading.get("kind")), set()).update(names)
    return {
        kind: tuple(name for name in quantities(kind) if not shown or name in shown.get(kind.kind, ()))
        for kind in entry.decoder.kinds
    }


def _with_units(kind: type[Reading], names: Iterable[str]) -> dict[str, str]:
    known = quantities(kind)
    return {name: known[name].unit for name in names}
