"""`stadtfunk decode`: payloads on the command line, readings or the reason on the screen."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, error_console, examples, load
from stadtfunk.commands.outcome import reported
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from pathlib import Path

    from decoders.decoder import Decoded, Decoder
    from decoders.errors import DecodeError
    from decoders.readings import Reading

EPILOG = examples(
    "stadtfunk decode --decoder dragino_lse01 --port 2 ce2900f107a5099b6e2890",
    "stadtfunk decode --decoder dragino_lse01 --port 2 --json ce2900f107a5099b6e2890",
    "stadtfunk decode --decoder dragino_lse01 --port 2 --at 2026-06-01T12:00 'ce 29 00 f1 07 a5 09 9b 6e 28 90'",
)
NOBODY = "0000000000000000"


def decode(
    payloads: Annotated[
        list[str],
        typer.Argument(metavar="HEX…", help="Payloads in hex; spaces, colons and dashes may stand between bytes."),
    ],
    decoder: Annotated[str, typer.Option("--decoder", "-d", help="Name of the decoder: <vendor>_<model>.")],
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=255, help="FPort of the uplinks.")],
    at: Annotated[
        str | None,
        typer.Option(metavar="ISO-TIME", help="Time of the uplinks, UTC without an offset; default: now."),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode payloads without broker and database; with --json one object per payload and line.

    Exit code 1 when a payload was refused.
    """
    chosen = _decoder(decoder, config)
    moment = datetime.now(UTC) if at is None else _moment(at)
    results = [_decoded(chosen, port, _bytes(payload), moment) for payload in payloads]
    for decoded, error in results:
        if as_json:
            typer.echo(json.dumps(as_object(decoded, error), ensure_ascii=False))
        else:
            _print(decoded, error)
    if any(error is not None for _, error in results):
        raise typer.Exit(ExitCode.FAILURE)


def as_object(decoded: "Decoded | None", error: "DecodeError | None") -> dict[str, object]:
    """The result as plain JSON values: readings, warnings and the error, each always there."""
    return {
        "readings": [] if decoded is None else [_reading(reading) for reading in decoded.readings],
        "warnings": [] if decoded is None else list(_warnings(decoded)),
        "error": None if error is None else {"reason": error.reason.value, "detail": error.detail},
    }


def _reading(reading: "Reading") -> dict[str, object]:
    subject = {"subject": reading.subject} if reading.subject else {}
    return {
        "kind": reading.kind,
        **subject,
        "channel": reading.channel,
        "observed_at": reading.observed_at.isoformat(),
        "values": values(reading),
        "flags": [flag.name for flag in reading.flags],
    }


def values(reading: "Reading") -> dict[str, object]:
    """What the decoder said about the quantities; one that it could not measure is None."""
    from decoders.readings import quantities

    said = reading.model_fields_set & quantities(type(reading)).keys()
    return reading.model_dump(mode="json", include=said)


def _warnings(decoded: "Decoded") -> Iterator[str]:
    yield from decoded.warnings
    if decoded.unread:
        yield f"{decoded.unread} byte(s) at the end were not read"
    if decoded.fragment is not None:
        yield f"part {decoded.fragment.index + 1} of {decoded.fragment.total}: the rest comes in other uplinks"


def _print(decoded: "Decoded | None", error: "DecodeError | None") -> None:
    from rich.table import Table

    from decoders.readings import quantities

    out = console()
    if decoded is None:
        assert error is not None
        out.print(text("Refused: {reason}: {detail}", reason=error.reason, detail=error.detail), markup=False)
        return
    for reading in decoded.readings:
        table = Table("", "", "", title=_title(reading), title_justify="left", show_header=False, box=None)
        known = quantities(type(reading))
        for name, value in values(reading).items():
            table.add_row(known[name].title, "-" if value is None else str(value), known[name].unit)
        out.print(table)
    for warning in _warnings(decoded):
        out.print(text("Warning: {warning}", warning=warning), markup=False)


def _title(reading: "Reading") -> str:
    channel = text("channel {channel}", channel=reading.channel)
    flags = ", ".join(str(flag.name) for flag in reading.flags)
    return "  ".join(filter(None, [reading.title, channel, reading.observed_at.isoformat(), flags]))


def _decoded(
    decoder: "Decoder", port: int, payload: bytes, at: datetime
) -> "tuple[Decoded, None] | tuple[None, DecodeError]":
    from decoders.errors import DecodeError
    from decoders.uplink import Uplink

    try:
        return decoder.decode(Uplink("", NOBODY, 0, port, payload, ns_time=at, received_at=at)), None
    except DecodeError as error:
        return None, error


def _decoder(name: str, config: "Path | None") -> "Decoder":
    from config.problems import nearest_name
    from stadtfunk.decoding import registry

    with reported():
        known_decoders = registry(load(config)).entries
    if name in known_decoders:
        return known_decoders[name].decoder
    nearest = nearest_name(name, list(known_decoders))
    known = ", ".join(known_decoders) if nearest is None else nearest
    message = text("There is no decoder {name}; known: {known}", name=name, known=known)
    error_console().print(message, markup=False, soft_wrap=True)
    raise typer.Exit(ExitCode.CONFIGURATION)


def _moment(at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(text("{time} is no ISO 8601 time", time=repr(at)), param_hint="--at") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bytes(payload: str) -> bytes:
    plain = payload.removeprefix("0x").translate(str.maketrans("", "", " :-"))
    try:
        return bytes.fromhex(plain)
    except ValueError:
        raise typer.BadParameter(text("{payload} is no hex string", payload=repr(payload)), param_hint="HEX") from None
