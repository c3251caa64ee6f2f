"""`stadtfunk redecode`: history decoded again with the decoders of now; shown first, done, listed, undone."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, error_console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings
    from stadtfunk.redecode import Effort
    from stadtfunk.redecode_workers import Told
    from storage.redecode import Run, Selection

EPILOG = examples(
    "stadtfunk redecode --decoder dragino_lse01 --since 30d --dry-run",
    "stadtfunk redecode --decoder dragino_lse01 --since 2026-10-01",
    "stadtfunk redecode --since 2026-10-01 --until 2026-11-01T12:00 --device a84041000181bcd5",
    "stadtfunk redecode --resume",
    "stadtfunk redecode --list",
    "stadtfunk redecode --undo 7",
)
_SPAN = re.compile(r"(\d+)([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_LISTED = 50


def redecode(
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", "-d", help="Only devices that have this decoder now; default: all that have one."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="First time: ISO 8601 (UTC without an offset), or 12h, 30d, 8w ago."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="End, written the same way; default: now.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="DEVEUI", help="Only this device.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run that was interrupted.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change; nothing is written.")] = False,
    undo: Annotated[int | None, typer.Option(metavar="RUN", help="Make everything as it was before this run.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the runs, the newest first.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, max=64, help="Processes; 0: none beside this one. Default: 2, or 1 on one core."),
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, max=200_000, help="Uplinks in one transaction.")] = 10_000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode stored uplinks again with the decoders of now, and write what changes.

    Runs beside the service. A run that was interrupted goes on with --resume; what a run replaced is kept for an undo.
    Exit code 1 when it is refused.
    """
    if sum((since is not None, resume, undo is not None, listed)) != 1:
        raise typer.BadParameter(text("one of --since, --resume, --undo and --list"), param_hint="--since")
    with reported(), _refused():
        settings = load(config)
        if listed:
            _show_runs(settings, as_json=as_json)
        elif undo is not None:
            _undo(settings, undo, as_json=as_json)
        else:
            selection = None if since is None else _selection(since, until, decoder, device)
            _redecode(settings, selection, _effort(workers, chunk), dry_run=dry_run, as_json=as_json)


@contextmanager
def _refused() -> Iterator[None]:
    """Say why a run is refused, and exit with 1; mistakes in decoders and mapping are the configuration's."""
    from decoders.mapping import MappingError
    from decoders.registry import RegistryError
    from stadtfunk.redecode_report import sentence
    from storage.redecode import RunRefused

    try:
        yield
    except RunRefused as refusal:
        say(sentence(refusal))
        raise typer.Exit(ExitCode.FAILURE) from None
    except (RegistryError, MappingError) as error:
        for problem in error.problems:
            say(problem)
        raise typer.Exit(ExitCode.CONFIGURATION) from None


def _selection(since: str, until: str | None, decoder: str | None, device: str | None) -> "Selection":
    from decoders.settings import normal_dev_eui
    from storage.redecode import Selection

    now = datetime.now(UTC)
    first = moment(since, now=now, option="--since")
    end = now if until is None else moment(until, now=now, option="--until")
    if first >= end:
        raise typer.BadParameter(text("the first time must be before the end"), param_hint="--since")
    try:
        return Selection(first, end, decoder, None if device is None else normal_dev_eui(device))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--device") from None


def moment(written: str, *, now: datetime, option: str) -> datetime:
    """A time as people write it: ISO 8601, or so long ago.

    Raises:
        typer.BadParameter: it is neither.
    """
    span = _SPAN.fullmatch(written)
    try:
        if span is not None:
            return now - timedelta(hours=int(span[1]) * _HOURS[span[2]])
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(text("{time} is no ISO 8601 time", time=repr(written)), param_hint=option) from None


def _effort(workers: int | None, chunk: int) -> "Effort":
    from stadtfunk.redecode import Effort

    return Effort(chunk=chunk) if workers is None else Effort(workers, chunk)


def _redecode(
    settings: "Settings", selection: "Selection | None", effort: "Effort", *, dry_run: bool, as_json: bool
) -> None:
    from stadtfunk.database import running
    from stadtfunk.redecode import redecode as decode_again
    from stadtfunk.redecode_report import as_object, show

    try:
        with running(settings.database), _bar() as told:
            done = asyncio.run(decode_again(settings, selection, dry_run=dry_run, effort=effort, told=told))
    except KeyboardInterrupt:
        if not dry_run:
            say(text("Interrupted: what is done is kept. Continue with `stadtfunk redecode --resume`."))
        raise
    if as_json:
        _print_json(as_object(done, dry_run=dry_run))
    else:
        show(done, dry_run=dry_run)


def _undo(settings: "Settings", number: int, *, as_json: bool) -> None:
    from stadtfunk.database import running
    from stadtfunk.redecode import undo
    from stadtfunk.redecode_report import run_as_object

    with running(settings.database), _bar() as told:
        run = asyncio.run(undo(settings, number, told=told))
    if as_json:
        _print_json(run_as_object(run))
    else:
        console().print(text("Re-decoding {run} is undone: everything is as it was before.", run=number))


def _show_runs(settings: "Settings", *, as_json: bool) -> None:
    from stadtfunk.database import running
    from stadtfunk.redecode_report import run_as_object, show_runs
    from storage.database import Role, connect
    from storage.redecode import find_runs

    async def ask() -> "list[Run]":
        connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk redecode")
        async with connection:
            return await find_runs(connection, limit=_LISTED)

    with running(settings.database):
        runs = asyncio.run(ask())
    if as_json:
        for run in runs:
            _print_json(run_as_object(run))
    else:
        show_runs(runs)


@contextmanager
def _bar() -> "Iterator[Told]":
    """A progress bar on standard error, where that is a terminal."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    out = error_console()
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        task = progress.add_task("", total=None)

        def told(done: int, of: int) -> None:
            described = text("{done} of {count}", done=f"{done:,}", count=f"{of:,}")
            progress.update(task, completed=done, total=max(of, 1), description=described)

        yield told


def _print_json(value: Mapping[str, object]) -> None:
    import json

    typer.echo(json.dumps(value, default=str, ensure_ascii=False))
