"""`stadtfunk evidence verify`: whether a protocol is as it was exported. Needs no database and no configuration."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import JsonOption, examples
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from alerts.evidence import Flaw, Verified

VERIFY_EPILOG = examples(
    "stadtfunk evidence verify vorgangsprotokoll-2026-000123.json",
    "stadtfunk evidence verify vorgangsprotokoll-2026-000123.json --head 3f1c…",
)
MAX_BYTES = 64 * 1024 * 1024

app = typer.Typer(no_args_is_help=True, help="Protocols of cases and their hash chains.")


@app.callback()
def evidence() -> None:
    """Protocols of cases and their hash chains."""


@app.command(epilog=VERIFY_EPILOG)
def verify(
    file: Annotated[Path, typer.Argument(help="The protocol as JSON, exported by the portal.", dir_okay=False)],
    head: Annotated[
        str, typer.Option("--head", help="The checksum as the printed protocol or the audit log tells it.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Check a protocol: every link of its chain, the names, and whether the content is the sealed one.

    Without --head, a document that was made anew as a whole cannot be told from the original.
    """
    from alerts import evidence

    found = evidence.verify(_read(file), head=head)
    if as_json:
        typer.echo(json.dumps(_plain(found), ensure_ascii=False))
    else:
        _print(found, head)
    if not found.sound:
        raise typer.Exit(ExitCode.FAILURE)


def _read(file: Path) -> object:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        typer.echo(text("{file} cannot be read: {reason}.", file=file, reason=error.strerror or error), err=True)
        raise typer.Exit(ExitCode.FAILURE) from None
    except (ValueError, RecursionError):
        typer.echo(text("{file} is no JSON document.", file=file), err=True)
        raise typer.Exit(ExitCode.FAILURE) from None


def _print(found: "Verified", head: str) -> None:
    for flaw, position in found.flaws:
        typer.echo(_sentence(flaw, position), err=True)
    if not found.sound:
        typer.echo(text("The protocol is NOT as it was exported."), err=True)
        return
    typer.echo(text("Case {number}: {count} events, the chain is whole.", number=found.number, count=found.events))
    if found.sealed_at is not None:
        typer.echo(text("The content is the one that event {position} sealed.", position=found.sealed_at))
    else:
        typer.echo(text("The content is not sealed by an event: it may have changed since the last one."))
    if found.erased:
        typer.echo(
            text("{count} events have had their name erased; the chain covers them all the same.", count=found.erased)
        )
    if head:
        typer.echo(text("The checksum is the one you gave: {head}", head=found.head))
    else:
        typer.echo(text("Compare the checksum with the printed protocol or the audit log: {head}", head=found.head))


def _sentence(flaw: "Flaw", position: int) -> str:
    from alerts.evidence import Flaw

    sentences = {
        Flaw.FORMAT: text("This is no protocol of a case, or one of a newer version."),
        Flaw.ORDER: text(
            "Event {position}: its number is out of order; an event is missing or was added.", position=position
        ),
        Flaw.LINK: text("Event {position}: it does not follow the event before it.", position=position),
        Flaw.HASH: text("Event {position}: its content was changed.", position=position),
        Flaw.NAME: text("Event {position}: the name is not that of who acted.", position=position),
        Flaw.HEAD: text("The checksum of the document is not that of its last event."),
        Flaw.OTHER_HEAD: text("The checksum is not the one you gave: another document, or one that was made anew."),
        Flaw.CONTENT: text("The facts or the evidence were changed."),
        Flaw.OTHER_CASE: text("Event {position}: it belongs to another case.", position=position),
        Flaw.OUTCOME: text("Event {position}: the case shows another outcome than the one given.", position=position),
    }
    return sentences[flaw]


def _plain(found: "Verified") -> dict[str, object]:
    return {
        "number": found.number,
        "sound": found.sound,
        "events": found.events,
        "head": found.head,
        "sealed_at": found.sealed_at,
        "erased": found.erased,
        "flaws": [{"flaw": flaw.value, "position": position} for flaw, position in found.flaws],
    }
