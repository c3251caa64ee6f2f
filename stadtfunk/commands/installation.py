"""The decoders that a command works with: those of the configuration, and of a folder that is not in it yet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings
    from decoders.registry import Entry, Registry

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", "-f", metavar="FOLDER", help="A folder of decoders besides those of the configuration."),
]


def installation(config: Path | None, folder: Path | None) -> "tuple[Settings, Registry]":
    """Settings and decoders; every problem of the configuration is told, with exit code 2."""
    with reported():
        from stadtfunk.decoding import registry

        settings = load(config)
        if folder is not None:
            known = [path.resolve() for path in settings.decoder_folders]
            folders = settings.decoder_folders if folder.resolve() in known else (*settings.decoder_folders, folder)
            settings = settings.model_copy(update={"decoder_folders": folders})
        return settings, registry(settings)


def named(registry: "Registry", name: str) -> "Entry":
    """The decoder `name`; else exit code 2 with the nearest name, and why a file of that name is not used."""
    from config.problems import nearest_name

    if name in registry.entries:
        return registry.entries[name]
    nearest = nearest_name(name, list(registry.entries))
    known = ", ".join(sorted(registry.entries)) if nearest is None else nearest
    say(text("There is no decoder {name}; known: {known}", name=name, known=known))
    for problem in registry.problems:
        say(text("Not used: {problem}", problem=problem))
    raise typer.Exit(ExitCode.CONFIGURATION)
