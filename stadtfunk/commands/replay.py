"""`stadtfunk replay`: dumps and exports go the way of live messages, so running one twice adds nothing."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, error_console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings
    from stadtfunk.app import Replayed

EPILOG = examples(
    "mosquitto_sub -v -t 'application/#' > dump.txt; stadtfunk replay dump.txt --source city",
    "stadtfunk replay tts-storage-export.ndjson --source ttn",
)


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            help="NDJSON, a dump of mosquitto_sub (-v, -F), or an export of The Things Stack.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source", "-s", help="Configured source or webhook the messages came from; needed when there are several."
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store the messages of a file; what is stored already is only counted."""
    with reported():
        from stadtfunk.database import running

        settings = load(config)
        name = chosen_source(settings, source)
        with running(settings.database):
            done = _replay(settings, file, name)
    if as_json:
        typer.echo(as_json_text(done))
    else:
        _print(done)


def chosen_source(settings: "Settings", wanted: str | None) -> str:
    """The source by name, or the only one there is; else exit code 2 with the known names."""
    known = [source.name for source in settings.sources] + list(settings.http.webhooks)
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted in known:
        return wanted
    names = ", ".join(known) or "-"
    say(text("Name the source of the file with --source; configured: {names}", names=names))
    raise typer.Exit(ExitCode.CONFIGURATION)


def _replay(settings: "Settings", path: Path, source: str) -> "Replayed":
    """The bar goes by bytes read, since few files say how many messages they hold."""
    import gc

    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from ingest.replay import open_replay
    from stadtfunk import app

    gc.set_threshold(*app.GC_THRESHOLDS)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=error_console()) as progress:
        task = progress.add_task("", total=max(1, path.stat().st_size))

        def show(stored: int, _total: int | None) -> None:
            progress.update(task, completed=file.tell(), description=text("{count} messages", count=f"{stored:,}"))

        messages, file = open_replay(path, source, progress=show)
        with file:
            return asyncio.run(app.replay(settings, messages))


def as_json_text(done: "Replayed") -> str:
    """The result for programs."""
    import json
    from dataclasses import asdict

    return json.dumps({"messages": done.messages, **asdict(done.result)})


def _print(done: "Replayed") -> None:
    out = console()
    out.print(text("Messages read: {count}.", count=done.messages))
    out.print(
        text("New uplinks: {new}, stored before: {known}.", new=done.result.uplinks, known=done.result.duplicates)
    )
    for kind, count in sorted(done.result.readings.items()):
        out.print(text("  new readings of {kind}: {count}", kind=kind, count=count))
    for reason, count in sorted(done.result.rejected.items()):
        out.print(text("  refused as {reason}: {count}", reason=reason, count=count))
