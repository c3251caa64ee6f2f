"""`stadtfunk assets`: trees, bays, meters, gateways, charging stations, and which device measures which of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from alerts.charging.store import Synced
    from config.settings import Settings
    from storage.asset_rows import AssetKind, AssetRow, Binding
    from storage.assets import Imported, ListedAsset
    from storage.database import Connection

IMPORT_EPILOG = examples(
    "stadtfunk assets import trees.csv --kind tree",
    "stadtfunk assets import config/cities/mainz.yaml",
)
LIST_EPILOG = examples("stadtfunk assets list --kind tree --district Neustadt", "stadtfunk assets list --json")
BIND_EPILOG = examples(
    "stadtfunk assets bind tree B-4711 a84041000181bcd5",
    "stadtfunk assets bind tree B-4711 a84041000181bcd5 --channel 1 --from 2026-06-01",
)
SWAP_EPILOG = examples(
    "stadtfunk assets swap bay LS17-2 a84041000181bcd6 --note 'battery empty'",
    "stadtfunk assets swap tree B-4711 a84041000181bcd6 --at 2026-06-01T09:30+02:00",
)
KINDS = "tree|bay|meter|gateway|charging_station"
T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="What the city owns, and which device measures it.")

KindArgument = Annotated[str, typer.Argument(metavar="KIND", help=f"One of {KINDS}.")]
KindOption = Annotated[str | None, typer.Option("--kind", "-k", metavar="KIND", help=f"One of {KINDS}.")]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The asset's key in the city's register.")]
NoteOption = Annotated[str, typer.Option(help="Why, kept with the binding.")]


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV with a header, or a city file (YAML, JSON); default: `city`."
        ),
    ] = None,
    kind: KindOption = None,
    config: ConfigOption = None,
) -> None:
    """Add and update assets, their devices and charge points; nothing is deleted, importing again changes nothing.

    A CSV has the columns key, name, district, latitude, longitude, kind and, for the device, dev_eui, valid_from,
    valid_to, subject, channel; further columns become attributes.
    """
    with reported(), _refusals():
        from alerts.charging.store import sync_bays
        from storage.assets import import_assets

        settings = load(config)
        path = file or settings.city
        if path is None:
            raise typer.BadParameter(text("name a file, or set `city` in the configuration"), param_hint="FILE")
        rows = read_rows(path, _kind(kind))

        async def import_all(connection: "Connection") -> "tuple[Imported, Synced]":
            imported = await import_assets(connection, rows)
            return imported, await sync_bays(connection, datetime.now(UTC))

        done, links = _ask(settings, import_all)
    console().print(
        text(
            "Assets: {created} new, {updated} changed, {unchanged} as before; {bindings} bindings new or ended.",
            created=done.created,
            updated=done.updated,
            unchanged=done.unchanged,
            bindings=done.bindings,
        ),
        soft_wrap=True,
    )
    if any(links):
        console().print(
            text("Charge points of bays: {added} new, {ended} ended.", added=links.added, ended=links.ended)
        )


@app.command("list", epilog=LIST_EPILOG)
def list_(
    kind: KindOption = None,
    district: Annotated[str | None, typer.Option(help="Only this district.")] = None,
    search: Annotated[str | None, typer.Option(help="Words in key and name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List assets with the devices that measure them now; with --json one object per line."""
    with reported(), _refusals():
        from storage.assets import list_assets

        wanted, now = _kind(kind), datetime.now(UTC)
        found = _ask(
            load(config),
            lambda connection: list_assets(
                connection, at=now, kind=wanted, district=district, search=search, limit=limit
            ),
        )
    if as_json:
        _print_json(found)
    else:
        _print_table(found)


@app.command("bind", epilog=BIND_EPILOG)
def bind(
    kind: KindArgument,
    key: KeyArgument,
    device: Annotated[str, typer.Argument(metavar="DEV_EUI", help="The device that measures the asset.")],
    since: Annotated[str | None, typer.Option("--from", metavar="ISO-TIME", help="Begin; default: ever.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="ISO-TIME", help="End; default: for ever.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only this meter or probe of the device.")] = None,
    channel: Annotated[int | None, typer.Option(min=0, help="Only this channel of the device.")] = None,
    note: NoteOption = "",
    config: ConfigOption = None,
) -> None:
    """Say that a device measures an asset."""
    with reported(), _refusals():
        from storage.assets import bind as bind_device

        wanted = _existing_kind(kind)
        binding = _binding(device, since, until, subject, channel)
        _ask(load(config), lambda connection: bind_device(connection, wanted, key, binding, note=note))
    console().print(text("{device} measures {kind} {key}.", device=device, kind=kind, key=key), markup=False)


@app.command("swap", epilog=SWAP_EPILOG)
def swap(
    kind: KindArgument,
    key: KeyArgument,
    device: Annotated[
        str, typer.Argument(metavar="NEW_DEV_EUI", help="The device that measures the asset from now on.")
    ],
    at: Annotated[str | None, typer.Option(metavar="ISO-TIME", help="When it was exchanged; default: now.")] = None,
    old: Annotated[
        str | None, typer.Option(metavar="DEV_EUI", help="The one that goes, where there are several.")
    ] = None,
    note: NoteOption = "",
    config: ConfigOption = None,
) -> None:
    """Replace the device of an asset; readings before the exchange stay with the old one."""
    with reported(), _refusals():
        from storage.assets import swap as swap_device

        wanted, moment = _existing_kind(kind), _moment(at) or datetime.now(UTC)
        new = _binding(device).dev_eui
        gone = None if old is None else _binding(old).dev_eui
        _ask(
            load(config),
            lambda connection: swap_device(
                connection, wanted, key, new_dev_eui=new, at=moment, old_dev_eui=gone, note=note
            ),
        )
    console().print(
        text("{device} measures {kind} {key} from {at} on.", device=device, kind=kind, key=key, at=moment.isoformat()),
        markup=False,
        soft_wrap=True,
    )


def read_rows(path: Path, kind: "AssetKind | None") -> "list[AssetRow]":
    """The rows of a CSV or the entries of a city file.

    Raises:
        AssetRowsInvalid: with every problem.
    """
    from storage.asset_rows import AssetRowsInvalid, asset_rows, asset_rows_from_csv

    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return asset_rows_from_csv(file, kind=kind)
        entries = _city_entries(path)
    except UnicodeDecodeError:
        raise AssetRowsInvalid([f"{path}: expected a text file in UTF-8"]) from None
    return asset_rows(entries)


def _city_entries(path: Path) -> list[dict[str, object]]:
    """`assets` of a city file. JSON is read as such, because it is many times faster than as YAML."""
    import json

    import yaml

    from storage.asset_rows import AssetRowsInvalid

    content = path.read_text(encoding="utf-8")
    try:
        city = json.loads(content) if path.suffix.lower() == ".json" else yaml.safe_load(content)
    except (ValueError, yaml.YAMLError) as error:
        raise AssetRowsInvalid([f"{path}: {str(error).partition(chr(10))[0]}"]) from None
    entries = city.get("assets") if isinstance(city, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AssetRowsInvalid([f"{path}: expected a city file with a list `assets`"])
    return entries


def _ask(settings: "Settings", question: "Callable[[Connection], Awaitable[T]]") -> T:
    from stadtfunk.database import running
    from storage.database import Role, connect

    async def ask() -> T:
        connection = await connect(settings.database, role=Role.PORTAL, application_name="stadtfunk assets")
        async with connection:
            return await question(connection)

    with running(settings.database):
        return asyncio.run(ask())


@contextmanager
def _refusals() -> Iterator[None]:
    """Say why assets or bindings cannot be as asked: every problem of a file, or the one of a request."""
    from storage.asset_rows import AssetRowsInvalid
    from storage.assets import AssetError

    try:
        yield
    except AssetRowsInvalid as error:
        say(text("Nothing was imported; the file has {count} problem(s):", count=len(error.problems)))
        for problem in error.problems:
            say(f"  {problem}")
        raise typer.Exit(ExitCode.FAILURE) from None
    except AssetError as error:
        say(text("That is not possible: {error}", error=error))
        raise typer.Exit(ExitCode.FAILURE) from None


def _kind(name: str | None) -> "AssetKind | None":
    return None if name is None else _existing_kind(name)


def _existing_kind(name: str) -> "AssetKind":
    from storage.asset_rows import AssetKind

    try:
        return AssetKind(name)
    except ValueError:
        raise typer.BadParameter(text("{name} is none of {known}", name=name, known=KINDS), param_hint="KIND") from None


def _binding(
    device: str,
    since: str | None = None,
    until: str | None = None,
    subject: str | None = None,
    channel: int | None = None,
) -> "Binding":
    from pydantic import ValidationError

    from storage.asset_rows import Binding

    try:
        return Binding(
            dev_eui=device, valid_from=_moment(since), valid_to=_moment(until), subject=subject, channel=channel
        )
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise typer.BadParameter(problem["msg"], param_hint=".".join(map(str, problem["loc"])) or "--to") from None


def _moment(given: str | None) -> datetime | None:
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(text("{time} is no ISO 8601 time", time=repr(given))) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _print_json(assets: "list[ListedAsset]") -> None:
    import json
    from dataclasses import asdict

    for asset in assets:
        typer.echo(json.dumps(asdict(asset), default=str, ensure_ascii=False))


def _print_table(assets: "list[ListedAsset]") -> None:
    from rich.table import Table
    from rich.text import Text

    titles = (text("Kind"), text("Key"), text("Name"), text("District"), text("Devices"), text("Last heard"))
    table = Table(*titles, box=None, pad_edge=False)
    for asset in assets:
        heard = asset.last_received_at
        when = "-" if heard is None else f"{heard.astimezone():%Y-%m-%d %H:%M}"
        cells = (asset.kind, asset.key, asset.name, asset.district, " ".join(asset.devices), when)
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
