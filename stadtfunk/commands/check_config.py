"""`stadtfunk check-config`: is the configuration complete and possible, and what does it amount to?"""

from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, config_file, console, examples
from stadtfunk.commands.outcome import reported
from stadtfunk.messages import text

if TYPE_CHECKING:
    from config.settings import Settings
    from decoders.registry import LeftOut

EPILOG = examples("stadtfunk check-config", "stadtfunk check-config -c /etc/stadtfunk/stadtfunk.yaml --show")


def check_config(
    config: ConfigOption = None,
    show: Annotated[bool, typer.Option("--show", help="Print the settings in effect, secrets hidden.")] = False,
) -> None:
    """Check the configuration and list every problem with file, line and key; nothing is connected to."""
    from config.load import load_settings

    with reported():
        from stadtfunk.outbox_part import make_channels

        settings = load_settings(config_file(config))
        left_out = check_mapping(settings)
        make_channels(settings)
    out = console()
    if show:
        out.print(effective(settings), markup=False, end="", soft_wrap=True)
    for warning in (*settings.warnings, *left_out):
        out.print(text("Warning: {warning}", warning=warning), markup=False, soft_wrap=True)
    if not settings.sources and not settings.http.webhooks:
        out.print(text("Warning: there is no source and no webhook, nothing will arrive."), soft_wrap=True)
    out.print(text("The configuration is fine."))


def check_mapping(settings: "Settings") -> tuple[str, ...]:
    """Decoders and the mapping to them; gives what is left out of private folders and packages, a line each.

    Raises:
        ConfigurationError: decoders that do not load, names that no decoder has.
    """
    from config.problems import ConfigurationError, Origin, Problem
    from decoders.mapping import DeviceMapping, MappingError
    from decoders.registry import RegistryError
    from stadtfunk.decoding import registry

    try:
        decoders = registry(settings)
        DeviceMapping(settings.mapping, decoders)
    except (RegistryError, MappingError) as error:
        section = "mapping" if isinstance(error, MappingError) else "decoder_folders"
        origin = Origin("decoders" if settings.file is None else str(settings.file))
        found = [_keyed(problem, section) for problem in error.problems]
        raise ConfigurationError([Problem(origin, key, "other", {"error": what}) for key, what in found]) from None
    return tuple(map(_not_used, decoders.problems))


def _not_used(problem: "LeftOut") -> str:
    if problem.claim:
        return text("device profile not taken, its decoder is used: {problem}", problem=problem)
    return text("decoder left out: {problem}", problem=problem)


def _keyed(problem: str, section: str) -> tuple[str, str]:
    """The key that a problem is about and what is wrong; entries of codecs are named in the text."""
    key, colon, what = problem.partition(": ")
    return (key, what) if colon and key.startswith("codecs.") else (section, problem)


def effective(settings: "Settings") -> str:
    """All settings in effect as YAML, with asterisks for secrets."""
    import yaml

    from config.redact import Redactor
    from config.secrets import secrets_of

    redactor = Redactor(secrets_of(settings))

    def hidden(value: object) -> object:
        if isinstance(value, dict):
            return {key: hidden(item) for key, item in value.items()}
        if isinstance(value, list):
            return [hidden(item) for item in value]
        return redactor(value) if isinstance(value, str) else value

    return yaml.safe_dump(hidden(settings.model_dump(mode="json")), sort_keys=False, allow_unicode=True, width=1000)
