"""`stadtfunk decoder`: begin a decoder, prove it, list all."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.installation import FolderOption, installation, named
from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, payload_bytes
from stadtfunk.commands.outcome import say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.settings import Settings
    from decoders.readings import Reading
    from decoders.registry import LeftOut
    from stadtfunk.kit.catalogue import Listed
    from stadtfunk.kit.checks import Report
    from stadtfunk.kit.scaffold import NewDecoder, Place

NEW_EPILOG = examples(
    "stadtfunk decoder new Acme S100 --folder my-decoders --port 2 0bb80a8c09f6 0bb80a8cffec",
    "stadtfunk decoder new Acme P7 --kind parking_bay --folder my-decoders",
)
TEST_EPILOG = examples(
    "stadtfunk decoder test",
    "stadtfunk decoder test acme_s100 --folder my-decoders --strict",
    "stadtfunk decoder test dragino_lse01 --json",
)
LIST_EPILOG = examples(
    "stadtfunk decoder list", "stadtfunk decoder list --search soil", "stadtfunk decoder list --json"
)

app = typer.Typer(no_args_is_help=True, help="Begin a decoder, prove it, list all.")


@app.command("new", epilog=NEW_EPILOG)
def new(
    vendor: Annotated[str, typer.Argument(metavar="VENDOR", help="Who makes the device.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="What the device is called.")],
    payloads: Annotated[
        list[str] | None, typer.Argument(metavar="HEX…", help="Recorded payloads; they become the first vectors.")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", "-k", help="What it measures: a reading kind.")] = "tree_moisture",
    port: Annotated[int, typer.Option("--port", "-p", min=1, max=255, help="FPort of the payloads.")] = 2,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            "-f",
            metavar="FOLDER",
            help="Where the files go; default: the repository when called in it, else the configured folder.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write a decoder's Python file and its vector file, and say what to do next; nothing is overwritten."""
    from decoders.registry import BUILT_IN
    from stadtfunk.kit.scaffold import NewDecoder, place, write

    settings, registry = installation(config, None)
    decoder = NewDecoder(vendor, model, _kind(kind), port, [payload_bytes(one) for one in payloads or ()])
    try:
        name = decoder.name
    except ValueError:
        raise typer.BadParameter(text("needs letters or digits"), param_hint="VENDOR, MODEL") from None
    where = place(name, _folder(folder, settings))
    if name in registry.entries and not where.taken:
        say(text("There is a decoder {name} already: {file}", name=name, file=registry.entries[name].path))
        raise typer.Exit(ExitCode.FAILURE)
    try:
        write(decoder, where)
    except FileExistsError as error:
        say(text("Nothing is overwritten: {files}", files=error))
        raise typer.Exit(ExitCode.FAILURE) from None
    except OSError as error:
        say(text("The files cannot be written: {error}", error=error))
        raise typer.Exit(ExitCode.FAILURE) from None
    known = {path.resolve() for path in (BUILT_IN, *settings.decoder_folders)}
    unknown = None if where.file.parent.resolve() in known else where.file.parent
    _print_next_steps(decoder, where, unknown)


@app.command("test", epilog=TEST_EPILOG)
def test(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME…", help="Decoders to prove; default: all.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Count notes as failures.")] = False,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove decoders: vectors, truncated and random payloads, purity, coverage, speed; with --json one per line.

    Exit code 1 when a check failed or a file cannot be used.
    """
    from stadtfunk.kit.checks import examine

    _, registry = installation(config, folder)
    entries = (
        [named(registry, name) for name in names] if names else [one for _, one in sorted(registry.entries.items())]
    )
    failed = 0
    for entry in entries:
        report = examine(entry)
        failed += not report.passed(strict=strict)
        if as_json:
            typer.echo(json.dumps(report.as_object(strict=strict), ensure_ascii=False))
        else:
            _print_report(report)
    unusable = () if names else registry.problems
    _say_problems(unusable)
    if not as_json:
        console().print(text("Decoders: {count}, failed: {failed}.", count=len(entries), failed=failed))
    if failed or unusable:
        raise typer.Exit(ExitCode.FAILURE)


@app.command("list", epilog=LIST_EPILOG)
def list_(
    search: Annotated[str | None, typer.Option(help="Only those with this in name, model, kind or profile.")] = None,
    folder: FolderOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all decoders, and what is wrong with files that are not used; with --json one object per line."""
    from stadtfunk.kit.catalogue import catalogue

    _, registry = installation(config, folder)
    found = [one for one in catalogue(registry) if _matches(one, search)]
    if as_json:
        for one in found:
            typer.echo(json.dumps(one.as_object(), ensure_ascii=False))
    else:
        _print_list(found)
    _say_problems(registry.problems)


def _kind(name: str) -> "type[Reading]":
    from decoders.readings import KINDS

    for kind in KINDS:
        if kind.kind == name:
            return kind
    known = ", ".join(kind.kind for kind in KINDS)
    raise typer.BadParameter(text("{kind} is no reading kind; known: {known}", kind=repr(name), known=known))


def _folder(chosen: Path | None, settings: "Settings") -> Path | None:
    """Where a new decoder goes; None is the repository.

    Raises:
        typer.BadParameter: nothing says where.
    """
    from stadtfunk.kit.scaffold import in_repository

    if chosen is not None:
        return chosen
    if in_repository(Path.cwd()):
        return None
    if not settings.decoder_folders:
        raise typer.BadParameter(text("is missing: the configuration names no folder"), param_hint="--folder")
    return settings.decoder_folders[0]


def _print_next_steps(decoder: "NewDecoder", where: "Place", folder: Path | None) -> None:
    """What the author does next; `folder` is given when commands have to name it."""
    from shlex import quote

    option = "" if folder is None else f" --folder {quote(str(folder))}"
    payload = decoder.payloads[0].hex() if decoder.payloads else "HEX"
    show = f"stadtfunk decode --decoder {decoder.name} --port {decoder.f_port}{option} --explain {payload}"
    steps = [
        text("1. Write the layout: {file}", file=_short(where.file)),
        text("2. See what it gives: {command}", command=show),
        text("3. Write what the data sheet says into the vectors: {file}", file=_short(where.vectors)),
        text("4. Prove it: {command}", command=f"stadtfunk decoder test {decoder.name}{option}"),
    ]
    if folder is not None:
        key = f"decoder_folders: [{folder.resolve()}]"
        steps.append(text("5. Name the folder in stadtfunk.yaml, then check-config: {key}", key=key))
    out = console()
    for step in steps:
        out.print(step, markup=False, soft_wrap=True)


def _short(path: Path) -> Path:
    """Relative to where the author is, when it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _print_report(report: "Report") -> None:
    from rich.text import Text

    from stadtfunk.kit.screen import check_lines, origin_name, show

    decoder = report.entry.decoder
    speed = "" if report.microseconds is None else f"{report.microseconds:.1f} µs"
    title = f"{decoder.name} {decoder.version}  ({origin_name(report.entry.origin)})  {speed}"
    out = console()
    out.print(Text(title.rstrip(), "bold"), soft_wrap=True)
    show(out, check_lines(report.checks))


def _print_list(found: "Sequence[Listed]") -> None:
    from rich.text import Text

    from stadtfunk.kit.screen import origin_name

    out = console()
    for one in found:
        decoder = one.entry.decoder
        about = text(
            "version {version}, {origin}, ports {ports}, vectors {vectors}",
            version=decoder.version,
            origin=origin_name(one.entry.origin),
            ports=", ".join(map(str, decoder.f_ports)) or "*",
            vectors=one.problem or one.vectors,
        )
        device = f"{decoder.vendor} {decoder.model}".strip()
        out.print(Text(decoder.name, "bold").append(f"  {device}: {about}", "not bold"), soft_wrap=True)
        for kind, names in one.quantities.items():
            out.print(Text(f"    {kind.kind}: {', '.join(names)}"), soft_wrap=True)
        out.print(Text(f"    {decoder.source}", "dim"), soft_wrap=True)


def _say_problems(problems: "Sequence[LeftOut]") -> None:
    for problem in problems:
        say(text("Not used: {problem}", problem=problem))


def _matches(one: "Listed", search: str | None) -> bool:
    decoder = one.entry.decoder
    kinds = (kind.kind for kind in decoder.kinds)
    known = " ".join([decoder.name, decoder.vendor, decoder.model, *kinds, *decoder.profiles])
    return search is None or search.casefold() in known.casefold()
