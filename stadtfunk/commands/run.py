"""`stadtfunk run`: the service."""

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.check_config import check_mapping
from stadtfunk.commands.options import ONLY_VARIABLE, ConfigOption, config_file, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text
from stadtfunk.part import Part
from stadtfunk.scope import Scope

if TYPE_CHECKING:
    from config.settings import Settings

logger = logging.getLogger(__name__)

EPILOG = examples(
    "stadtfunk run",
    "stadtfunk run -c /etc/stadtfunk/stadtfunk.yaml --only ingest",
    "stadtfunk run -c /etc/stadtfunk/stadtfunk.yaml --only engine",
    "stadtfunk run -c /etc/stadtfunk/stadtfunk.yaml --only portal",
    "kill -HUP $(pidof -x stadtfunk)   # take over changed decoders, mapping and rules",
)


def run(
    config: ConfigOption = None,
    only: Annotated[
        Part | None,
        typer.Option(
            envvar=ONLY_VARIABLE, help="Run only this part; default: what STADTFUNK_ONLY says, else everything."
        ),
    ] = None,
) -> None:
    """Receive, decode, store, raise alerts, and show the portal where it is enabled, until SIGTERM or Ctrl-C.

    SIGHUP reloads decoders, mapping, alert rules, channels and sources of charge points. Of several engines on one
    database one is active, others stand by.

    Exit code 3: another Stadtfunk uses the same client id or spool.
    """
    with reported():
        from config.load import load_settings

        settings = load(config, service=True)
        if only not in (Part.PORTAL, Part.ENGINE):
            check_mapping(settings)
            check_sources(settings)
        from stadtfunk import app  # heavy: a file that is refused is refused before
        from stadtfunk.portal_part import PortalNotInstalled

        for warning in filter(Scope(only).uses, settings.warnings):
            logger.warning("configuration_warning detail=%r", warning)
        try:
            code = app.run(settings, reread=lambda: load_settings(config_file(config)), only=only)
        except PortalNotInstalled as error:
            say(text("The portal needs more packages ({error} is missing): install `stadtfunk[portal]`.", error=error))
            code = ExitCode.FAILURE
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
