"""`stadtfunk codec`: what a vendor's JavaScript codec says about payloads, and whether its examples hold."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import JsonOption, console, examples, iso_time, payload_bytes
from stadtfunk.commands.outcome import say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from decoders.javascript import CodecCall, CodecResult, CodecSource

RUN_EPILOG = examples(
    "stadtfunk codec run codecs/acme_s200.js --port 2 0bb80a8c04d2ffff",
    "stadtfunk codec run codecs/acme_s200.js --port 2 --json '0b b8 0a 8c' 0bb80a8d",
    "stadtfunk codec run codecs/meter.js -p 5 --received-at 2026-06-01T12:00 --variable litres_per_pulse=10 39300000",
)
CHECK_EPILOG = examples("stadtfunk codec check codecs/acme_s200.js", "stadtfunk codec check codecs/*.js")

app = typer.Typer(no_args_is_help=True, help="Try a vendor's JavaScript codec.")

_A_FILE = typer.Argument(
    metavar="FILE", exists=True, dir_okay=False, readable=True, help="The codec, a JavaScript file."
)


@app.command("run", epilog=RUN_EPILOG)
def run(
    file: Annotated[Path, _A_FILE],
    payloads: Annotated[
        list[str],
        typer.Argument(metavar="HEX…", help="Payloads in hex; spaces, colons and dashes may stand between bytes."),
    ],
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=255, help="FPort of the uplinks.")],
    received_at: Annotated[
        str | None,
        typer.Option(metavar="ISO-TIME", help="Time of the uplinks, UTC without an offset; default: now."),
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option("--variable", metavar="NAME=VALUE", help="A variable for the codec; may be given several times."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a codec in the sandbox; with --json one object per payload and line.

    Exit code 1 when a payload gave errors.
    """
    from decoders.javascript import CodecCall

    codec = _codec(file)
    moment = datetime.now(UTC) if received_at is None else iso_time(received_at, "--received-at")
    variables = _variables(variable or [])
    results = _run([CodecCall(codec, payload_bytes(payload), port, moment, variables) for payload in payloads])
    for result in results:
        if as_json:
            typer.echo(json.dumps(as_object(result), ensure_ascii=False))
        else:
            _print(result)
    if any(result.errors for result in results):
        raise typer.Exit(ExitCode.FAILURE)


@app.command("check", epilog=CHECK_EPILOG)
def check(files: Annotated[list[Path], _A_FILE]) -> None:
    """Run the examples beside codecs (`NAME.examples.json`, `examples.json`: LoRa Alliance TS013).

    Exit code 1 when one is not decoded as it says, or when a codec has none.
    """
    if [file for file in files if not _check(file)]:
        raise typer.Exit(ExitCode.FAILURE)


def as_object(result: "CodecResult") -> dict[str, object]:
    """The result as plain JSON values, each always there."""
    return {
        "data": result.data,
        "normalized": list(result.normalized),
        "warnings": list(result.warnings),
        "errors": list(result.errors),
        "failure": result.failure,
        "console": list(result.console),
    }


def _check(file: Path) -> bool:
    from decoders.javascript import CodecCall
    from decoders.sandbox.examples import ExamplesError, examples_beside

    try:
        found = examples_beside(file)
    except ExamplesError as error:
        say(text("These are no examples: {error}", error=error))
        return False
    if not found:
        say(text("{file}: there are no examples beside it", file=file))
        return False
    codec = _codec(file)
    results = _run([CodecCall(codec, one.payload, one.f_port, one.received_at, one.variables) for one in found])
    failed = [(one, lines) for one, result in zip(found, results, strict=True) if (lines := one.differences(result))]
    out = console()
    for example, lines in failed:
        out.print(f"{file}: {example.description}", *lines, sep="\n  ", markup=False, soft_wrap=True)
    good = len(found) - len(failed)
    told = text("{file}: {good} of {count} examples are decoded as they say", file=file, good=good, count=len(found))
    out.print(told, markup=False, soft_wrap=True)
    return not failed


def _print(result: "CodecResult") -> None:
    out = console()
    if result.data is not None:
        out.print(json.dumps(result.data, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)
    for measurement in result.normalized:
        shown = json.dumps(measurement, ensure_ascii=False)
        out.print(text("Normalised: {measurement}", measurement=shown), markup=False, soft_wrap=True)
    for line in result.console:
        out.print(text("Console: {line}", line=line), markup=False, soft_wrap=True)
    for warning in result.warnings:
        out.print(text("Warning: {warning}", warning=warning), markup=False, soft_wrap=True)
    for error in result.errors:
        told = error if result.failure is None else f"{result.failure}: {error}"
        out.print(text("Error: {error}", error=told), markup=False, soft_wrap=True)


def _codec(file: Path) -> "CodecSource":
    from decoders.javascript import CodecSource

    return CodecSource(file.stem, file.read_text(encoding="utf-8", errors="replace"))


def _run(calls: "list[CodecCall]") -> "list[CodecResult]":
    from decoders.javascript import SandboxError, run_codecs

    try:
        return run_codecs(calls)
    except SandboxError as error:
        say(text("Codecs cannot be run: {error}", error=error))
        raise typer.Exit(ExitCode.FAILURE) from None


def _variables(given: list[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise typer.BadParameter(text("expected NAME=VALUE"), param_hint="--variable")
    return {name: value for name, _, value in pairs}
