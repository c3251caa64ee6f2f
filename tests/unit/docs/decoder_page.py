"""The generated parts of docs/decoders.md: every built-in decoder with layout, quantities, units, ports and vectors."""

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from decoders.readings import KINDS, quantities
from decoders.registry import Registry
from stadtfunk.kit.catalogue import Listed, catalogue

TITLES = {
    "tree_moisture": "Soil and trees",
    "tree_crown": "Tree crowns",
    "heat_meter": "Heat meters",
    "parking_bay": "Parking",
    "people_count": "People",
    "device_health": "Others",
}


def decoders() -> str:
    """An overview, then a section for each device by family."""
    found = sorted(catalogue(Registry.load()), key=lambda one: (_family(one), one.entry.decoder.name))
    told: dict[Path, str] = {}
    parts = [_overview(found)]
    for family, members in groupby(found, _family):
        parts.append(f"## {_title(family)}")
        parts += ["\n\n".join(_section(one, told)) for one in members]
    return "\n\n".join(parts)


def kinds() -> str:
    """What every quantity means, by kind."""
    rows = ["| kind | quantity | unit | meaning |", "|---|---|---|---|"]
    for kind in KINDS:
        for name, known in quantities(kind).items():
            rows.append(f"| {kind.kind} | `{name}` | {known.unit or '–'} | {_cell(known.description)} |")
    return "\n".join(rows)


def _family(one: Listed) -> int:
    """The place of the first kind among all kinds."""
    return KINDS.index(one.entry.decoder.kinds[0])


def _title(family: int) -> str:
    kind = KINDS[family].kind
    return TITLES.get(kind, kind)


def _overview(found: list[Listed]) -> str:
    rows = ["| device | decoder | kinds | ports | vectors |", "|---|---|---|---|---|"]
    for one in found:
        decoder = one.entry.decoder
        said = ", ".join(kind.kind for kind in decoder.kinds)
        ports = _ports(one)
        device = _cell(f"{decoder.vendor} {decoder.model}")
        rows.append(f"| {device} | [`{decoder.name}`](#{decoder.name}) | {said} | {ports} | {one.vectors} |")
    return "\n".join(rows)


def _section(one: Listed, told: dict[Path, str]) -> Iterator[str]:
    """Heading, facts, quantities and layout; the layout of a file that has several decoders stands at the first."""
    decoder, path = one.entry.decoder, one.entry.path
    yield f"### {decoder.name}"
    yield f"{_cell(decoder.vendor)} {_cell(decoder.model)}, version {decoder.version}. {_facts(one)}"
    yield "\n".join(_quantities(one))
    if path in told:
        yield f"Layout: see [`{told[path]}`](#{told[path]})."
        return
    told[path] = decoder.name
    yield f"<details><summary>Layout</summary>\n\n```text\n{_docstring(path)}\n```\n\n</details>"


def _facts(one: Listed) -> str:
    decoder = one.entry.decoder
    profiles = ", ".join(f"`{profile}`" for profile in decoder.profiles) or "none"
    ports = _ports(one)
    vectors = f"{one.vectors}, of them {one.refused} to be refused"
    return f"Ports: {ports}. Device profiles: {profiles}. Source: {_sentence(decoder.source)} Vectors: {vectors}."


def _quantities(one: Listed) -> Iterator[str]:
    """A line for each kind: what it says, in which unit."""
    for kind, names in one.quantities.items():
        known = quantities(kind)
        said = (f"`{name}` {known[name].unit}".rstrip() for name in names)
        yield f"- {kind.kind}: {', '.join(said) or 'nothing so far'}"


def _ports(one: Listed) -> str:
    return ", ".join(map(str, sorted(one.entry.decoder.f_ports))) or "any"


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_bytes())) or ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
