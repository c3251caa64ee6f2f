"""`stadtfunk run`: the service."""

import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.check_config import check_mapping
from stadtfunk.commands.options import ConfigOption, config_file, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings

logger = logging.getLogger(__name__)

EPILOG = examples(
    "stadtfunk run",
    "stadtfunk run -c /etc/stadtfunk/stadtfunk.yaml --only ingest",
    "kill -HUP $(pidof -x stadtfunk)   # take over changed decoders and mapping",
)


class Part(StrEnum):
    """What a process may be limited to; as yet ingest is everything."""

    INGEST = "ingest"


def run(
    config: ConfigOption = None,
    only: Annotated[Part | None, typer.Option(help="Run only this part; default: everything.")] = None,  # noqa: ARG001
) -> None:
    """Receive, decode and store until SIGTERM or Ctrl-C; SIGHUP reloads decoders and mapping.

    Exit code 3: another Stadtfunk uses the same client id or spool.
    """
    with reported():
        from config.load import load_settings
        from stadtfunk import app

        settings = load(config, service=True)
        check_mapping(settings)
        check_sources(settings)
        for warning in settings.warnings:
            logger.warning("configuration_warning detail=%r", warning)
        try:
            code = app.run(settings, reread=lambda: load_settings(config_file(config)))
        except OSError as error:
            say(text("Stadtfunk cannot start: {error}", error=error))
            code = ExitCode.FAILURE
    raise typer.Exit(code)


def check_sources(settings: "Settings") -> None:
    """Refuse to run without anything to receive.

    Raises:
        ConfigurationError: there is neither a source nor a webhook.
    """
    from config.problems import ConfigurationError, Origin, Problem

    if not settings.sources and not settings.http.webhooks:
        raise ConfigurationError([Problem(Origin("sources"), "", "nothing_to_receive")])
