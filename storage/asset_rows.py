"""Assets as files give them: a city file's entries or the rows of a CSV, checked, with every problem told at once."""

import csv
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Self, TextIO

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)


class AssetKind(StrEnum):
    """What a city owns that Stadtfunk knows about."""

    TREE = "tree"
    BAY = "bay"
    METER = "meter"
    GATEWAY = "gateway"
    CHARGING_STATION = "charging_station"


DevEui = Annotated[
    str,
    BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value),
    StringConstraints(pattern=r"^([0-9a-f]{16}|[^/\s]+/[^/\s]+)$"),
]
"""16 hex digits, or `application/device_id` where the network knows no DevEUI."""


class Binding(BaseModel):
    """A device, or one meter or probe of it, measures the asset during [valid_from, valid_to); None is for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dev_eui: DevEui
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    subject: str | None = None
    channel: int | None = Field(None, ge=0, le=32767)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.valid_from is not None and self.valid_to is not None and self.valid_from >= self.valid_to:
            raise ValueError("valid_to must be after valid_from")
        return self


class AssetRow(BaseModel):
    """One asset with its devices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: AssetKind
    key: str = Field(min_length=1, max_length=200)
    name: str = ""
    district: str = ""
    latitude: float | None = Field(None, ge=-90, le=90)
    longitude: float | None = Field(None, ge=-180, le=180)
    geometry: Mapping[str, object] | None = Field(None, description="GeoJSON geometry in WGS 84")
    attributes: Mapping[str, object] = Field(default_factory=dict)
    devices: tuple[Binding, ...] = ()

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude belong together")
        return self


class AssetRowsInvalid(ValueError):
    """Rows that cannot be imported; `problems` has a line for each, with the row it is about."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


_BINDING_COLUMNS = ("dev_eui", "valid_from", "valid_to", "subject", "channel")
_ASSET_COLUMNS = ("kind", "key", "name", "district", "latitude", "longitude")


def asset_rows(entries: Iterable[Mapping[str, object]], *, where: str = "asset") -> list[AssetRow]:
    """Check the entries of a city file.

    Raises:
        AssetRowsInvalid: with every problem of every entry.
    """
    rows: list[AssetRow] = []
    problems: list[str] = []
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, 1):
        try:
            row = AssetRow.model_validate(entry)
        except ValidationError as error:
            problems += [f"{where} {number}: {_describe(problem)}" for problem in error.errors(include_url=False)]
            continue
        if (row.kind, row.key) in seen:
            problems.append(f"{where} {number}: {row.kind} {row.key} is there twice")
        seen.add((row.kind, row.key))
        rows.append(row)
    if problems:
        raise AssetRowsInvalid(problems)
    return rows


def asset_rows_from_csv(file: TextIO, *, kind: AssetKind | None = None) -> list[AssetRow]:
    """Read a CSV with a header. Columns of an asset and of a binding have their names; all others become attributes.

    Args:
        file: opened with encoding `utf-8-sig`, since office programs begin a CSV with a mark; `,` or `;` between cells.
        kind: of all rows, for a file without that column.

    Raises:
        AssetRowsInvalid: with every problem of every row.
    """
    header = file.readline()
    delimiter = ";" if header.count(";") > header.count(",") else ","
    lines = csv.DictReader(file, fieldnames=next(csv.reader([header], delimiter=delimiter), []), delimiter=delimiter)
    return asset_rows((_entry(line, kind) for line in lines), where="row")


def _entry(line: Mapping[str | None, str | list[str] | None], kind: AssetKind | None) -> dict[str, object]:
    """A CSV row in the form of a city file's entry; an empty cell is an absent one."""
    cells = {name.strip(): value for name, value in line.items() if name and isinstance(value, str) and value.strip()}
    binding = {name: cells.pop(name).strip() for name in _BINDING_COLUMNS if name in cells}
    entry: dict[str, object] = {name: cells.pop(name).strip() for name in _ASSET_COLUMNS if name in cells}
    if kind is not None:
        entry.setdefault("kind", kind)
    if binding:
        entry["devices"] = [binding]
    return {**entry, "attributes": cells}


def _describe(problem: Mapping[str, object]) -> str:
    location = problem["loc"]
    assert isinstance(location, tuple)
    path = ".".join(map(str, location))
    return f"{path}: {problem['msg']}" if path else str(problem["msg"])
