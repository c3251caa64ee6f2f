"""`stadtfunk devices`: which devices are known, when they were heard, and which have no decoder."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported
from stadtfunk.messages import text

if TYPE_CHECKING:
    from storage.overview import KnownDevice

EPILOG = examples(
    "stadtfunk devices --search lse01",
    "stadtfunk devices --orphans",
    "stadtfunk devices --silent 24 --json",
)


def devices(
    search: Annotated[str | None, typer.Option(help="Only devices with this in DevEUI, name or profile.")] = None,
    orphans: Annotated[bool, typer.Option("--orphans", help="Only devices that no mapping gives a decoder.")] = False,
    silent: Annotated[
        float | None, typer.Option(metavar="HOURS", min=0, help="Only devices not heard for so many hours.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many, the latest heard first.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List known devices, the latest heard first; with --json one object per line."""
    with reported():
        from stadtfunk.database import running
        from storage.batch import Outcome
        from storage.database import Role, connect
        from storage.overview import known_devices

        settings = load(config)
        outcome = Outcome.ORPHAN if orphans else None
        silent_since = None if silent is None else datetime.now(UTC) - timedelta(hours=silent)

        async def ask() -> "list[KnownDevice]":
            connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk devices")
            async with connection:
                return await known_devices(
                    connection, limit=limit, search=search, outcome=outcome, silent_since=silent_since
                )

        with running(settings.database):
            found = asyncio.run(ask())
    if as_json:
        _print_json(found)
    else:
        _print_table(found)


def _print_json(devices: "list[KnownDevice]") -> None:
    import json
    from dataclasses import asdict

    for device in devices:
        typer.echo(json.dumps(asdict(device), default=str, ensure_ascii=False))


def _print_table(devices: "list[KnownDevice]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column(text("Device"), no_wrap=True)
    table.add_column(text("Last heard"), no_wrap=True)
    for title in (text("Uplinks"), text("Missing")):
        table.add_column(title, justify="right")
    for title in (text("Outcome"), text("Source"), text("Profile"), text("Name")):
        table.add_column(title)
    for device in devices:
        heard = device.last_received_at
        cells = (
            device.dev_eui,
            "-" if heard is None else f"{heard.astimezone():%Y-%m-%d %H:%M}",
            str(device.uplinks),
            str(device.missing_frames),
            device.outcome,
            device.source,
            device.profile,
            device.name,
        )
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
