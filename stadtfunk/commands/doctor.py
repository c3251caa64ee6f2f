"""`stadtfunk doctor`: what is wrong with this installation, one line each, and how to mend it."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ONLY_VARIABLE, ConfigOption, JsonOption, config_file, console, examples
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text
from stadtfunk.part import Part

if TYPE_CHECKING:
    from config.redact import Redactor
    from stadtfunk.doctor.findings import Finding

EPILOG = examples(
    "stadtfunk doctor",
    "stadtfunk doctor -c /etc/stadtfunk/stadtfunk.yaml --listen 120",
    "stadtfunk doctor --only engine",
    "stadtfunk doctor --quiet --strict",
    "stadtfunk doctor --json | jq '.findings[] | select(.level != \"ok\")'",
)
LONGEST_LISTEN = 3600.0


def doctor(
    config: ConfigOption = None,
    only: Annotated[
        Part | None,
        typer.Option(
            envvar=ONLY_VARIABLE,
            help="Look only at what this part uses; default: what STADTFUNK_ONLY says, else everything.",
        ),
    ] = None,
    listen: Annotated[
        float,
        typer.Option(min=0, max=LONGEST_LISTEN, help="Seconds to listen to each broker: do uplinks come at QoS 1?"),
    ] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as problems for the exit code.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Leave out what is well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at everything as it really is and say in one line each what is wrong and how to mend it.

    Connects to brokers, database and charge-point operators; changes nothing, and takes no message from the running
    service. Run it as the service's user: what that user may not read is wrong. Beside a service that runs with
    --only, give the same --only: it has no secrets and networks of the other parts.

    Exit code 0: no problem (✗); warnings (!) count with --strict only. 1: a problem. 2: the configuration is refused.
    """
    from config.load import load_settings
    from config.logging import Level, configure
    from config.problems import ConfigurationError
    from config.redact import Redactor
    from config.secrets import secrets_of
    from stadtfunk.doctor.configuration import refused
    from stadtfunk.doctor.examination import checks, examine
    from stadtfunk.scope import Scope

    try:
        settings = load_settings(config_file(config))
    except ConfigurationError as error:
        show(refused(error), Redactor(), quiet=quiet, as_json=as_json)
        raise typer.Exit(ExitCode.CONFIGURATION) from None
    secrets = secrets_of(settings)
    # what is wrong is told below; the log of the parts that we use would say it a second time
    configure(settings.logging.model_copy(update={"level": Level.ERROR}), secrets=secrets)
    found = asyncio.run(examine(checks(settings, scope=Scope(only), listen=listen)))
    show(found, Redactor(secrets), quiet=quiet, as_json=as_json)
    raise typer.Exit(exit_code(found, strict=strict))


def exit_code(found: "Sequence[Finding]", *, strict: bool) -> ExitCode:
    """FAILURE with a problem, or, when `strict`, with a warning."""
    from stadtfunk.doctor.findings import Level, worst

    bad = (Level.PROBLEM, Level.WARNING) if strict else (Level.PROBLEM,)
    return ExitCode.FAILURE if worst(found) in bad else ExitCode.OK


def show(found: "Sequence[Finding]", redact: "Redactor", *, quiet: bool, as_json: bool) -> None:
    """Print the findings, for people or for programs, without any secret."""
    from stadtfunk.doctor.findings import Level, worst

    shown = [one for one in found if not (quiet and one.level is Level.OK)]
    if as_json:
        import json

        lines = [{key: redact(value) for key, value in one.as_object().items()} for one in shown]
        typer.echo(json.dumps({"worst": worst(found), "findings": lines}, ensure_ascii=False, indent=2))
        return
    out = console()
    for line in render(shown):
        out.print(redact(line), markup=False, soft_wrap=True)
    counts = {level: sum(one.level is level for one in found) for level in Level}
    summary = text(
        "{ok} well, {warnings} warnings, {problems} problems.",
        ok=counts[Level.OK],
        warnings=counts[Level.WARNING],
        problems=counts[Level.PROBLEM],
    )
    out.print(summary, soft_wrap=True)


def render(found: "Sequence[Finding]") -> Iterator[str]:
    """A title for each subject, and a line for each finding."""
    from stadtfunk.doctor.findings import Level

    marks = {Level.OK: "✓", Level.WARNING: "!", Level.PROBLEM: "✗"}
    for subject, group in groupby(found, key=lambda one: one.subject):
        yield titles()[subject]
        for one in group:
            about = f"{one.about}: " if one.about and one.about not in str(one.what) else ""
            mend = "" if one.mend is None else f" → {one.mend.shown}"
            yield f"  {marks[one.level]} {about}{one.what.shown}{mend}"


def titles() -> dict[str, str]:
    """What the subjects are called."""
    return {
        "configuration": text("Configuration"),
        "software": text("Program"),
        "service": text("Running service"),
        "broker": text("Brokers"),
        "database": text("Database"),
        "spool": text("Spool"),
        "disk": text("Disks"),
        "files": text("Secrets and folders"),
        "certificates": text("Certificates"),
        "clock": text("Clocks"),
        "charging": text("Charge points"),
        "portal": text("Portal"),
    }
