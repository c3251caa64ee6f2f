"""A new decoder's files: a Python file that imports, lints and says what is to do, and a vector file that does, too."""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import get_args

from decoders.readings import DeviceHealth, Reading, quantities
from decoders.registry import BUILT_IN
from stadtfunk.kit import templates
from stadtfunk.kit.vectors import TODO

_REPOSITORY = BUILT_IN.parents[1]
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_EXAMPLE_FIELDS = 2
_BATTERY = "battery_voltage"
_READS: Mapping[object, tuple[int, str]] = {bool: (1, "bool(data.u8() & 1)"), int: (2, "data.u16()")}
"""How many bytes the example reads for a type, and how."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a decoder's two files go."""

    file: Path
    vectors: Path

    @property
    def taken(self) -> tuple[Path, ...]:
        """Those of the files that exist."""
        return tuple(path for path in (self.file, self.vectors) if path.exists())


@dataclass(frozen=True, slots=True)
class NewDecoder:
    """What is known of a decoder before it is written.

    Attributes:
        payloads: recorded ones, which become vectors that wait for their readings.
    """

    vendor: str
    model: str
    kind: type[Reading]
    f_port: int
    payloads: Sequence[bytes] = ()

    @property
    def name(self) -> str:
        """`<vendor>_<model>` in lower-case letters, digits and underscores.

        Raises:
            ValueError: nothing of vendor or model is left.
        """
        parts = [_slug(self.vendor), _slug(self.model)]
        if not all(parts):
            raise ValueError("vendor and model need letters or digits")
        return "_".join(parts)


def in_repository(folder: Path) -> bool:
    """True when `folder` lies in the checkout that this program runs from."""
    return (_REPOSITORY / "tests" / "vectors").is_dir() and folder.resolve().is_relative_to(_REPOSITORY)


def place(name: str, folder: Path | None) -> Place:
    """The files of the decoder `name` in a private folder; None is the repository."""
    if folder is None:
        return Place(BUILT_IN / f"{name}.py", _REPOSITORY / "tests" / "vectors" / f"{name}.json")
    return Place(folder / f"{name}.py", folder / f"{name}.vectors.json")


def write(decoder: NewDecoder, where: Place) -> None:
    """Write both files; their folders are made.

    Raises:
        FileExistsError: one of them is there; neither is touched.
        OSError: they cannot be written.
    """
    if where.taken:
        raise FileExistsError(", ".join(map(str, where.taken)))
    for path, content in ((where.file, source(decoder)), (where.vectors, vectors(decoder))):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(content)


def source(decoder: NewDecoder) -> str:
    """The Python file."""
    kind = decoder.kind
    example = _table(kind) if _floats(kind) else _reader(kind)
    classes = sorted({kind.__name__, DeviceHealth.__name__})
    return templates.FILE.substitute(
        example,
        vendor=decoder.vendor,
        model=decoder.model,
        port=decoder.f_port,
        name=decoder.name,
        kind=kind.__name__,
        classes=", ".join(sorted({*classes, Reading.__name__})),
        kinds="DeviceHealth," if kind is DeviceHealth else f"{kind.__name__}, DeviceHealth",
        known="\n".join(_known(kind)),
        vendor_text=_quoted(decoder.vendor),
        model_text=_quoted(decoder.model),
        profile_text=_quoted(f"{decoder.vendor} {decoder.model}"),
    )


def vectors(decoder: NewDecoder) -> str:
    """The vector file: the payloads at hand, each waiting for its readings, and one that must be refused."""
    payloads = [payload.hex() for payload in decoder.payloads] or [TODO] * 3
    waiting = [
        {"name": f"payload_{number}", "f_port": decoder.f_port, "hex": payload, "readings": TODO, "source": TODO}
        for number, payload in enumerate(payloads, start=1)
    ]
    cut = decoder.payloads[0][:-1].hex() if decoder.payloads else ""
    truncated = {"name": "truncated", "f_port": decoder.f_port, "hex": cut, "error": "truncated"}
    refused = truncated | {"source": "the first payload, cut short" if cut else "an empty payload"}
    return json.dumps([*waiting, refused], indent=1, ensure_ascii=False) + "\n"


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower().translate(_GERMAN))
    return re.sub(r"[^a-z0-9]+", "_", plain.encode("ascii", "ignore").decode()).strip("_")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _type(kind: type[Reading], name: str) -> object:
    annotation = kind.model_fields[name].annotation
    [expected] = [part for part in get_args(annotation) or (annotation,) if part is not NoneType]
    return expected


def _floats(kind: type[Reading]) -> list[str]:
    """The kind's first fields, when they are what a field table reads."""
    first = list(quantities(kind))[:_EXAMPLE_FIELDS]
    return first if all(_type(kind, name) is float for name in first) else []


def _table(kind: type[Reading]) -> dict[str, str]:
    """An example of a fixed layout: two words of the kind, then the battery."""
    names = [name for name in _floats(kind) if name != _BATTERY] + [_BATTERY]
    words = [(2 * number, name, 1000 if name == _BATTERY else 100) for number, name in enumerate(names)]
    fields = [f'    Field("{name}", {at}, divide={by}),' for at, name, by in words]
    rows = [f"    {at}-{at + 1}   TODO {name}, u16 / {by}" for at, name, by in words]
    body = templates.BODY_OF_LAYOUT.substitute(kind=kind.__name__)
    return {
        "rows": "\n".join(rows),
        "imports": templates.LAYOUT_IMPORT,
        "layout": templates.LAYOUT.substitute(size=2 * len(names), fields="\n".join(fields)),
        "body": templates.BODY_OF_HEALTH if kind is DeviceHealth else body,
    }


def _reader(kind: type[Reading]) -> dict[str, str]:
    """An example of reading byte by byte: the kind's first state or count, then the battery."""
    name = next(name for name in quantities(kind) if _type(kind, name) in _READS)
    size, read = _READS[_type(kind, name)]
    first = "0    " if size == 1 else "0-1  "
    return {
        "rows": f"    {first} TODO {name}\n    {size}-{size + 1}   TODO {_BATTERY}, u16 / 1000",
        "imports": "",
        "layout": "",
        "body": templates.BODY_OF_READER.substitute(kind=kind.__name__, field=name, read=read),
    }


def _known(kind: type[Reading]) -> Iterator[str]:
    """The kind's fields as comment lines: what a decoder may say."""
    for name, known in quantities(kind).items():
        yield f"#   {name}: {known.description}" + (f" ({known.unit})" if known.unit else "")
