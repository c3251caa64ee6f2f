"""The command line. Every command lives in a module of its own below `stadtfunk.commands`."""

from typing import Annotated

import typer

from stadtfunk.commands import (
    alerts,
    assets,
    check_config,
    codec,
    db,
    decode,
    decoder,
    demo,
    deployment,
    devices,
    doctor,
    evidence,
    migrate,
    portal,
    redecode,
    rejected,
    replay,
    report,
    run,
    status,
)
from stadtfunk.commands.options import examples

EPILOG = examples(
    "stadtfunk demo",
    "stadtfunk check-config -c stadtfunk.yaml",
    "stadtfunk migrate -c stadtfunk.yaml",
    "stadtfunk run -c stadtfunk.yaml",
    "stadtfunk status --json",
)

app = typer.Typer(
    name="stadtfunk",
    help="LoRaWAN sensor ingestion for cities: uplinks become readings, and none is lost.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a rich traceback shows local variables, and those hold secrets
    rich_markup_mode="rich",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"stadtfunk {version('stadtfunk')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """LoRaWAN sensor ingestion for cities: uplinks become readings, and none is lost."""


app.command(epilog=run.EPILOG)(run.run)
app.command("check-config", epilog=check_config.EPILOG)(check_config.check_config)
app.command(epilog=migrate.EPILOG)(migrate.migrate)
app.command(epilog=status.EPILOG)(status.status)
app.command(epilog=doctor.EPILOG)(doctor.doctor)
app.command(epilog=devices.EPILOG)(devices.devices)
app.command(epilog=decode.EPILOG)(decode.decode)
app.command(epilog=replay.EPILOG)(replay.replay)
app.command(epilog=redecode.EPILOG)(redecode.redecode)
app.command(epilog=demo.EPILOG)(demo.demo)
app.add_typer(decoder.app, name="decoder")
app.add_typer(codec.app, name="codec")
app.add_typer(rejected.app, name="rejected")
app.add_typer(assets.app, name="assets")
app.add_typer(report.app, name="report")
app.add_typer(evidence.app, name="evidence")
app.add_typer(alerts.app, name="alerts")
app.add_typer(db.app, name="db")
app.add_typer(portal.app, name="portal")
app.add_typer(deployment.app, name="deployment")


def main() -> None:
    """Run the command line; the entry point of the package."""
    app()
