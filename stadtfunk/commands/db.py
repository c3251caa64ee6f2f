"""`stadtfunk db`: the whole database as one file, for backups and for moving to another server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, error_console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from alerts.chains import Chains
    from storage.archive.export import Told
    from storage.archive.manifest import ArchiveRefused, Manifest
    from storage.settings import DatabaseSettings

EXPORT_EPILOG = examples(
    "stadtfunk db export stadtfunk-2026-11-24.zip",
    "stadtfunk db export for-the-analysts.zip --without-households",
)
IMPORT_EPILOG = examples(
    "stadtfunk db import stadtfunk-2026-11-24.zip --dry-run",
    "STADTFUNK_DATABASE__DSN=postgresql://owner@db/stadtfunk stadtfunk db import stadtfunk-2026-11-24.zip",
)

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="The database as one file: for backups, and to move it elsewhere.")


@app.callback()
def db() -> None:
    """The database as one file: for backups, and to move it elsewhere."""


@app.command("export", epilog=EXPORT_EPILOG)
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write; must not exist.", dir_okay=False)],
    without_households: Annotated[
        bool,
        typer.Option("--without-households", help="Leave out meters, their devices, readings, cases and raw messages."),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write everything into one file, as of one moment, while services go on.

    The file has mode 0600: unless households are left out, it holds personal data. Exit code 1 when it is not written.
    """
    from storage.archive.export import export_archive

    with reported(), _refused():
        settings = load(config).database
        with _server(settings):
            manifest = _run(lambda told: export_archive(settings, file, households=not without_households, told=told))
    _tell(manifest, as_json=as_json)
    if not as_json:
        console().print(text("Archived in {file}.", file=file), markup=False, soft_wrap=True)


@app.command("import", epilog=IMPORT_EPILOG)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive.", dir_okay=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check the archive and whether the database would take it.")
    ] = False,
    insert: Annotated[
        bool, typer.Option("--insert", help="Write with INSERT, for servers that do not take COPY; slower.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill an empty database from an archive, all of it or nothing, and bring it to this version.

    The database may be without tables, or have empty ones of the archive's version. What an archive of an older version
    lacks is migrated afterwards. Exit code 1 when it is refused, or when the hash chain of a case does not hold.
    """
    from storage.archive.load import check_archive, import_archive

    with reported(), _refused():
        settings = load(config)
        with _server(settings.database):
            if dry_run:
                _tell(asyncio.run(check_archive(file, settings.database)), as_json=as_json)
                return
            manifest = _run(
                lambda told: import_archive(settings.database, file, settings.retention, copy=not insert, told=told)
            )
            chains = asyncio.run(_chains(settings.database))
    _tell(manifest, chains, as_json=as_json)
    if chains.broken:
        raise typer.Exit(ExitCode.FAILURE)


def _server(settings: "DatabaseSettings") -> AbstractContextManager[object]:
    """The embedded server as it is: an export of an older database must not migrate it, an import makes its tables."""
    from storage.embedded import EmbeddedPostgres

    return EmbeddedPostgres(settings.data_dir) if settings.embedded else nullcontext()


def _run(work: "Callable[[Told], Awaitable[T]]") -> T:
    """Run `work` with a progress bar on standard error, where that is a terminal."""
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=error_console(), transient=True) as progress:
        task = progress.add_task("", total=None)

        async def run() -> T:
            return await work(lambda table, rows: progress.update(task, advance=rows, description=table))

        return asyncio.run(run())


async def _chains(settings: "DatabaseSettings") -> "Chains":
    from alerts.chains import check_chains
    from storage.database import Role, connect

    async with await connect(settings, role=Role.OWNER, application_name="stadtfunk db import") as connection:
        await connection.execute("SELECT set_config('statement_timeout', '0', false)")
        return await check_chains(connection)


@contextmanager
def _refused() -> Iterator[None]:
    """Say why an archive is not written or not taken, and exit with 1."""
    from storage.archive.manifest import ArchiveRefused

    try:
        yield
    except ArchiveRefused as refusal:
        say(sentence(refusal))
        raise typer.Exit(ExitCode.FAILURE) from None
    except OSError as error:
        say(text("{file} cannot be used: {reason}.", file=error.filename or "", reason=error.strerror or error))
        raise typer.Exit(ExitCode.FAILURE) from None


def sentence(refusal: "ArchiveRefused") -> str:
    """Why, and what to do about it."""
    from storage.archive.manifest import Refusal

    detail = refusal.detail
    sentences = {
        Refusal.EXISTS: text("{file} exists: choose another name.", file=detail),
        Refusal.NO_TABLES: text("There is nothing to archive: the database has no tables of Stadtfunk."),
        Refusal.UNKNOWN_SCHEMA: text(
            "The database has {names}, unknown to this version: use a newer one.", names=detail
        ),
        Refusal.NOT_WHOLE: text("{file} is no archive of Stadtfunk, or not a whole one.", file=detail),
        Refusal.NEWER: text("The archive has {names}, unknown to this version: use a newer one.", names=detail),
        Refusal.OTHER_MIGRATION: text("The archive's {name} is not the one of this version.", name=detail),
        Refusal.UNKNOWN_KIND: text(
            "The archive has readings of {names}, which this version does not know: import with the version that "
            "wrote it.",
            names=detail,
        ),
        Refusal.OTHER_SCHEMA: text(
            "The database has tables of another version than the archive: give it a new, empty database without "
            "tables; the import makes them."
        ),
        Refusal.NOT_EMPTY: text("The database is not empty, {table} has rows: give it a new database.", table=detail),
        Refusal.IN_USE: text("Something writes to this database: stop the services first."),
        Refusal.TOO_FEW_LOCKS: text(
            "The server has room for too few locks: raise max_locks_per_transaction, to 1024 for years of data, and "
            "restart it."
        ),
        Refusal.DAMAGED: text(
            "The archive is damaged: {table} is not what was written. Nothing is changed.", table=detail
        ),
        Refusal.UNKNOWN_COLUMN: text("The archive has {names}, for which this version has no place.", names=detail),
    }
    return sentences[refusal.reason]


def _tell(manifest: "Manifest", chains: "Chains | None" = None, *, as_json: bool) -> None:
    """Counts and checksums; for programs the manifest."""
    if as_json:
        content = manifest.model_dump(mode="json")
        if chains is not None:
            content["chains"] = {"cases": chains.cases, "broken": list(chains.broken)}
        typer.echo(json.dumps(content, ensure_ascii=False))
        return
    from rich.table import Table

    table = Table(text("Table"), text("Rows"), "SHA-256", box=None)
    for one in manifest.tables:
        if one.rows:
            table.add_row(one.name, f"{one.rows:,}", one.sha256[:16])
    out = console()
    out.print(table)
    taken = manifest.taken_at.isoformat(sep=" ", timespec="seconds")
    out.print(
        text(
            "{rows} rows as of {time}, schema {version}.",
            rows=f"{manifest.rows:,}",
            time=taken,
            version=f"{manifest.schema_version:04}",
        )
    )
    if not manifest.households:
        out.print(text("Without households."))
    if chains is not None:
        out.print(text("Hash chains of cases: {count} looked at.", count=chains.cases))
        for number in chains.broken:
            say(text("Case {number}: its hash chain does not hold, and did not where it comes from.", number=number))
