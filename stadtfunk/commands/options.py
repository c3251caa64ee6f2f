"""What several commands share: the configuration's option, the examples in their help, their consoles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.messages import text

if TYPE_CHECKING:  # only names for annotations: importing them costs what `--help` must not pay
    from rich.console import Console

    from config.settings import Settings

_BETWEEN_BYTES = str.maketrans("", "", " :-")

DEFAULT_FILES = (Path("stadtfunk.yaml"), Path("/etc/stadtfunk/stadtfunk.yaml"))

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="STADTFUNK_CONFIG",
        help="Configuration file; default: ./stadtfunk.yaml, else /etc/stadtfunk/stadtfunk.yaml, else only "
        "environment variables.",
        show_default=False,
    ),
]

ONLY_VARIABLE = "STADTFUNK_ONLY"
"""Says in a service's container which part it is, so that commands there know it, too."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def examples(*lines: str) -> str:
    """Lines of examples as the epilog of a command's help."""
    return "\n".join(("Examples:", *(f"  $ {line}" for line in lines)))


def config_file(chosen: Path | None) -> Path | None:
    """The file to read: the chosen one, else the first default that exists."""
    if chosen is not None:
        return chosen
    return next((path for path in DEFAULT_FILES if path.is_file()), None)


def load(chosen: Path | None, *, service: bool = False) -> "Settings":
    """The settings, with the log configured by them.

    Args:
        service: tell what happens; a short command tells its result, and in the log only warnings.

    Raises:
        ConfigurationError: with every problem.
    """
    from config.load import load_settings
    from config.logging import Level, configure
    from config.secrets import secrets_of

    settings = load_settings(config_file(chosen))
    quiet = settings.logging.model_copy(update={"level": Level.WARNING})
    told = settings.logging if service or settings.logging.level is Level.DEBUG else quiet
    configure(told, secrets=secrets_of(settings))
    return settings


def payload_bytes(written: str) -> bytes:
    """A payload in hex; spaces, colons and dashes may stand between bytes.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return bytes.fromhex(written.removeprefix("0x").translate(_BETWEEN_BYTES))
    except ValueError:
        raise typer.BadParameter(text("{payload} is no hex string", payload=repr(written)), param_hint="HEX") from None


def iso_time(written: str, option: str) -> datetime:
    """A time in UTC; one without an offset is UTC.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(text("{time} is no ISO 8601 time", time=repr(written)), param_hint=option) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def console() -> "Console":
    """Standard output for people."""
    from rich.console import Console

    return Console(highlight=False)


def error_console() -> "Console":
    """Standard error for people."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
