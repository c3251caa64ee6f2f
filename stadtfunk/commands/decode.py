"""`stadtfunk decode`: payloads of the command line or of a device in the database; readings or the reason."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.installation import FolderOption, installation, named
from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, iso_time, payload_bytes
from stadtfunk.commands.outcome import reported, say
from stadtfunk.commands.rejected import printable
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.settings import Settings
    from decoders.decoder import Decoder
    from decoders.registry import Registry
    from decoders.uplink import Uplink
    from stadtfunk.kit.answers import Answer
    from stadtfunk.kit.bytemap import MappedByte
    from stadtfunk.kit.comparison import Difference
    from stadtfunk.kit.history import DecodedAgain, History, Wanted

EPILOG = examples(
    "stadtfunk decode --decoder dragino_lse01 --port 2 ce2900f107a5099b6e2890",
    "stadtfunk decode --decoder dragino_lse01 --port 2 --explain ce2900f107a5099b6e2890",
    "stadtfunk decode --decoder dragino_lse01 --port 2 --at 2026-06-01T12:00 'ce 29 00 f1 07 a5 09 9b 6e 28 90'",
    "stadtfunk decode --decoder lobaro_wmbus --port 12 --port 22 2e442d2c46464646300c8d207a70ea6021b1c178030fc51000 "
    "430f9210000314072b05426cbe2b022d0c0001ff2100",
    "stadtfunk decode --dev-eui a84041000181bcd5 --last 5",
)
NOBODY = "0000000000000000"


def decode(
    payloads: Annotated[
        list[str] | None,
        typer.Argument(metavar="HEX…", help="Payloads in hex; spaces, colons and dashes may stand between bytes."),
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option("--decoder", "-d", help="Name of the decoder; for a device of the database, in place of its own."),
    ] = None,
    ports: Annotated[
        list[int] | None,
        typer.Option("--port", "-p", min=0, max=255, help="FPort of the payloads; given repeatedly: one for each."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="ISO-TIME", help="Time of the payloads, UTC without an offset; default: now."),
    ] = None,
    dev_eui: Annotated[
        str | None, typer.Option("--dev-eui", help="Decode the stored uplinks of this device, and compare.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="With --dev-eui: so many, the latest.")] = 20,
    household: Annotated[
        bool, typer.Option("--household", help="With --dev-eui: also what may be personal data of a household.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show which byte gave which value.")] = False,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode payloads, or a device's stored uplinks; with --json one object per payload and line.

    Several payloads count as uplinks of one device, one after the other: parts of one message are put together.
    Exit code 1 when a payload was refused or has no decoder.
    """
    from stadtfunk.kit.history import Wanted

    _check_arguments(payloads, decoder, ports, dev_eui)
    settings, registry = installation(config, folder)
    forced = None if decoder is None else named(registry, decoder).decoder
    if dev_eui is not None:
        history = _history(settings, registry, Wanted(_dev_eui(dev_eui), last, household), forced)
        fine = _show_history(history, explain=explain, as_json=as_json)
    else:
        assert forced is not None
        uplinks = _uplinks([payload_bytes(one) for one in payloads or ()], ports or (), at)
        fine = _show_payloads(forced, uplinks, explain=explain, as_json=as_json)
    if not fine:
        raise typer.Exit(ExitCode.FAILURE)


def _check_arguments(
    payloads: list[str] | None, decoder: str | None, ports: list[int] | None, dev_eui: str | None
) -> None:
    """Either payloads with decoder and port, or a device.

    Raises:
        typer.BadParameter: neither, or parts of both.
    """
    if dev_eui is not None and (payloads or ports):
        raise typer.BadParameter(text("Payloads and --port do not go with --dev-eui."), param_hint="--dev-eui")
    if dev_eui is None:
        for missing, hint in ((not payloads, "HEX"), (decoder is None, "--decoder"), (not ports, "--port")):
            if missing:
                raise typer.BadParameter(text("is missing; or name a device with --dev-eui"), param_hint=hint)


def _show_payloads(decoder: "Decoder", uplinks: "Sequence[Uplink]", *, explain: bool, as_json: bool) -> bool:
    """Print the answer to each payload; False when one was refused."""
    from stadtfunk.kit.answers import answers, byte_object, mapped

    found = answers(decoder, uplinks)
    for answer in found:
        bytes_ = mapped(decoder, answer) if explain else ()
        if as_json:
            extra = {"bytes": [byte_object(byte) for byte in bytes_]} if explain else {}
            _print_json(answer.as_object() | extra)
        else:
            _print_answer(answer, bytes_)
    return all(answer.error is None for answer in found)


def _show_history(history: "History", *, explain: bool, as_json: bool) -> bool:
    """Print what each stored uplink gives now; False when one is refused or nothing decodes the device."""
    from stadtfunk.kit.answers import byte_object, mapped

    choice = history.choice
    if not as_json:
        _print_device(history)
    for one in history.uplinks:
        bytes_ = mapped(choice.decoder, one.answer) if explain and choice is not None and one.answer is not None else ()
        if as_json:
            extra = {"bytes": [byte_object(byte) for byte in bytes_]} if explain else {}
            _print_json(one.as_object(choice) | extra)
        else:
            _print_stored(one, bytes_)
    return choice is not None and all(one.answer is None or one.answer.error is None for one in history.uplinks)


def _print_json(values: "Mapping[str, object]") -> None:
    typer.echo(json.dumps(values, ensure_ascii=False))


def _print_answer(answer: "Answer", bytes_: "Sequence[MappedByte]", differences: "Sequence[Difference]" = ()) -> None:
    from stadtfunk.kit.screen import answer_lines, byte_map, show

    out = console()
    if bytes_:
        out.print(byte_map(bytes_, answer))
    show(out, answer_lines(answer, differences))


def _print_device(history: "History") -> None:
    """Who the device is, and which decoder it has for which reason."""
    latest, choice = history.uplinks[-1].stored.uplink, history.choice
    out = console()
    title = "  ".join(filter(None, [latest.dev_eui, latest.device_name, latest.device_profile]))
    out.print(printable(title), markup=False, style="bold", soft_wrap=True)
    if choice is None:
        out.print(text("No mapping names a decoder for this device: see `stadtfunk decoder list`."), soft_wrap=True)
        return
    name, version = choice.decoder.name, choice.decoder.version
    line = text("Decoder {name}, version {version}, chosen by: {why}", name=name, version=version, why=choice.why)
    out.print(printable(line), markup=False, soft_wrap=True)


def _print_stored(one: "DecodedAgain", bytes_: "Sequence[MappedByte]") -> None:
    from rich.text import Text

    from stadtfunk.kit.screen import vanished, why_not

    out, uplink = console(), one.stored.uplink
    made = f"{one.stored.decoder} {one.stored.version}" if one.stored.decoder else ""
    line = text(
        "{time}  frame {f_cnt}, port {port}: stored as {outcome} {decoder}",
        time=f"{uplink.ns_time:%Y-%m-%d %H:%M:%S}",
        f_cnt=uplink.f_cnt,
        port=uplink.f_port,
        outcome=one.stored.outcome,
        decoder=made,
    )
    out.print()
    out.print(Text(line.rstrip(), "bold"), soft_wrap=True)
    if not one.stored.missing:
        out.print(Text(uplink.payload.hex(), "dim"), soft_wrap=True)
    if one.answer is None:
        out.print(Text("" if one.why_not is None else why_not(one.why_not), "yellow"), soft_wrap=True)
        return
    _print_answer(one.answer, bytes_, one.differences)
    for line in vanished(one.differences):
        out.print(Text(line, "red"), soft_wrap=True)


def _history(settings: "Settings", registry: "Registry", device: "Wanted", forced: "Decoder | None") -> "History":
    """The device's uplinks, decoded now; exit code 1 when there are none."""
    import asyncio

    with reported():
        from decoders.mapping import DeviceMapping
        from stadtfunk.database import running
        from stadtfunk.kit.history import device_history

        mapping = DeviceMapping(settings.mapping, registry)
        with running(settings.database):
            found = asyncio.run(device_history(settings.database, device, mapping, forced=forced))
    if found is None:
        say(text("No uplink of {dev_eui} is stored.", dev_eui=device.dev_eui))
        raise typer.Exit(ExitCode.FAILURE)
    return found


def _dev_eui(written: str) -> str:
    from decoders.settings import normal_dev_eui

    try:
        return normal_dev_eui(written)
    except ValueError:
        raise typer.BadParameter(
            text("{dev_eui} is no DevEUI", dev_eui=repr(written)), param_hint="--dev-eui"
        ) from None


def _uplinks(payloads: "Sequence[bytes]", ports: "Sequence[int]", at: str | None) -> "Sequence[Uplink]":
    """The payloads as uplinks of one device, in this order. A microsecond lies between two."""
    from decoders.uplink import Uplink

    if len(ports) not in (1, len(payloads)):
        raise typer.BadParameter(text("one port for all payloads, or one for each"), param_hint="--port")
    each = ports if len(ports) > 1 else [*ports] * len(payloads)
    moment = datetime.now(UTC) if at is None else iso_time(at, "--at")
    return [
        Uplink("", NOBODY, f_cnt, port, payload, ns_time=moment + timedelta(microseconds=f_cnt), received_at=moment)
        for f_cnt, (port, payload) in enumerate(zip(each, payloads, strict=True))
    ]
