"""`stadtfunk deployment`: what the containers of `docker-compose.yml` need before they start."""

import asyncio
import re
from pathlib import Path
from typing import Annotated

import typer

from stadtfunk.commands.options import ConfigOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

SECRETS_EPILOG = examples(
    "stadtfunk deployment secrets deploy/state --host stadtfunk.example.org",
    "stadtfunk deployment secrets deploy/state --gateway 0016c001f153a14c",
)
LOGINS_EPILOG = examples("stadtfunk deployment logins /run/secrets -c /etc/stadtfunk/stadtfunk.yaml")

_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")

app = typer.Typer(no_args_is_help=True, help="Secrets and logins of the deployment in containers.")


@app.command("secrets", epilog=SECRETS_EPILOG)
def secrets(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="Folder of the secrets, made if missing.")],
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address of this machine for people and gateways; repeatable.")
    ] = None,
    gateway: Annotated[
        list[str] | None, typer.Option(help="Id of a gateway that gets a login at the broker; repeatable.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Give each file to the account of the container that reads it (as root).")
    ] = False,
) -> None:
    """Make passwords, an own CA, certificates and the broker's users where they are missing; replace nothing.

    Certificates of the own CA are renewed 30 days before they end.
    """
    with reported():
        from datetime import UTC, datetime

        from stadtfunk.deployment.state import GATEWAY_ID, prepare

        hosts, gateways = tuple(host or ("localhost",)), tuple(gateway or ())
        for name in hosts:
            if _HOST.fullmatch(name) is None:
                raise typer.BadParameter(text("{name} is no host name", name=name), param_hint="--host")
        for name in gateways:
            if GATEWAY_ID.fullmatch(name) is None:
                raise typer.BadParameter(
                    text("{name} is not 16 lower-case hex digits", name=name), param_hint="--gateway"
                )
        try:
            made = prepare(folder, hosts=hosts, now=datetime.now(UTC), gateways=gateways, own=own)
        except (OSError, ValueError) as error:
            say(text("The secrets cannot be made: {error}", error=error))
            raise typer.Exit(ExitCode.FAILURE) from None
    out = console()
    for name in made:
        out.print(text("Made {name}.", name=name), markup=False)
    out.print(text("The secrets in {folder} are complete.", folder=folder), markup=False, soft_wrap=True)


@app.command("logins", epilog=LOGINS_EPILOG)
def logins(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of the passwords.")],
    config: ConfigOption = None,
) -> None:
    """Give the services their logins in the database, each with its own rights; as administrator, after `migrate`."""
    with reported():
        from stadtfunk.deployment.logins import create_logins
        from storage.database import connect

        settings = load(config)

        async def create() -> list[str]:
            async with await connect(settings.database, application_name="stadtfunk logins") as connection:
                return await create_logins(connection, folder)

        try:
            made = asyncio.run(create())
        except OSError as error:
            say(text("A password cannot be read: {error}", error=error))
            raise typer.Exit(ExitCode.FAILURE) from None
    console().print(text("Logins: {names}.", names=", ".join(made)), soft_wrap=True)
