"""`stadtfunk rejected`: messages that are kept raw with their reason, and another try for them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from decoders.errors import RejectReason
from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings
    from storage.rejected import RejectedMessage, Selection

LIST_EPILOG = examples("stadtfunk rejected list", "stadtfunk rejected list --reason truncated --json")
SHOW_EPILOG = examples("stadtfunk rejected show 4711", "stadtfunk rejected show 4711 --payload")
RETRY_EPILOG = examples("stadtfunk rejected retry", "stadtfunk rejected retry --reason no_decoder --source city")

app = typer.Typer(no_args_is_help=True, help="Messages that could not become readings, kept raw with their reason.")

ReasonOption = Annotated[RejectReason | None, typer.Option("--reason", "-r", help="Only this reason.")]
SourceOption = Annotated[str | None, typer.Option("--source", "-s", help="Only this source.")]


@app.command("list", epilog=LIST_EPILOG)
def list_(
    reason: ReasonOption = None,
    source: SourceOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List messages that are not resolved; payloads are never shown here."""
    with reported():
        from storage.rejected import Selection

        found = _find(load(config), Selection(reason=reason, source=source), limit)
    if as_json:
        for message in found:
            typer.echo(_as_json(message))
        return
    _print_table(found)


@app.command("show", epilog=SHOW_EPILOG)
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="The message's number from `rejected list`.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="Show the raw message, too: it may be personal data.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Show one message; the raw bytes only on demand."""
    with reported():
        from storage.rejected import Selection

        found = _find(load(config), Selection(id=number), 1)
    if not found:
        say(text("There is no rejected message {number}.", number=number))
        raise typer.Exit(ExitCode.FAILURE)
    [message] = found
    out = console()
    for name in (
        "id",
        "source",
        "topic",
        "received_at",
        "reason",
        "detail",
        "dev_eui",
        "decoder",
        "times_seen",
        "last_seen_at",
        "resolved_at",
    ):
        out.print(f"{name:<13} {printable(str(getattr(message, name)))}", markup=False, soft_wrap=True)
    if payload:
        out.print(f"{'payload':<13} {printable_bytes(message.payload)}", markup=False, soft_wrap=True)


@app.command("retry", epilog=RETRY_EPILOG)
def retry(
    reason: ReasonOption = None,
    source: SourceOption = None,
    number: Annotated[int | None, typer.Option("--id", help="Only this message.")] = None,
    config: ConfigOption = None,
) -> None:
    """Parse and decode again what was refused; what is understood now is stored and resolved."""
    with reported():
        from stadtfunk.commands.check_config import check_mapping
        from stadtfunk.database import running
        from stadtfunk.retry import retry as try_again
        from storage.rejected import Selection

        settings = load(config)
        check_mapping(settings)
        with running(settings.database):
            done = asyncio.run(try_again(settings, Selection(number, reason, source)))
    out = console()
    out.print(text("Understood now and stored: {count}.", count=done.resolved))
    for kept, count in sorted(done.still.items()):
        if count:
            out.print(text("  still refused as {reason}: {count}", reason=kept, count=count), markup=False)


def printable(value: str) -> str:
    """`value` with everything escaped that a terminal would act upon."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)


def printable_bytes(payload: bytes) -> str:
    """Text where the payload is plain text, else hex."""
    try:
        return printable(payload.decode("utf-8"))
    except UnicodeDecodeError:
        return payload.hex()


def _find(settings: "Settings", selection: "Selection", limit: int) -> "list[RejectedMessage]":
    from stadtfunk.database import running
    from storage.database import Role, connect
    from storage.rejected import find

    async def ask() -> "list[RejectedMessage]":
        connection = await connect(settings.database, role=Role.MAINTENANCE, application_name="stadtfunk rejected")
        async with connection:
            return await find(connection, selection, limit=limit)

    with running(settings.database):
        return asyncio.run(ask())


def _as_json(message: "RejectedMessage") -> str:
    import json
    from dataclasses import asdict

    values = asdict(message) | {"payload": f"{len(message.payload)} bytes"}
    return json.dumps(values, default=str, ensure_ascii=False)


def _print_table(messages: "list[RejectedMessage]") -> None:
    from rich.table import Table
    from rich.text import Text

    if not messages:
        console().print(text("Nothing is rejected."))
        return
    titles = ("ID", text("Received"), text("Source"), text("Device"), text("Reason"), text("Detail"), text("Times"))
    table = Table(*titles, box=None)
    for message in messages:
        received = message.received_at.isoformat(sep=" ", timespec="seconds")
        cells = (
            str(message.id),
            received,
            message.source,
            message.dev_eui,
            message.reason,
            message.detail,
            str(message.times_seen),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console().print(table)
