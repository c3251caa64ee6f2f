"""`stadtfunk alerts test-channel`: does a message of this channel arrive?"""

import asyncio
from contextlib import nullcontext
from typing import Annotated

import typer

from stadtfunk.commands.options import ConfigOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

EPILOG = examples("stadtfunk alerts test-channel leitstelle", "stadtfunk alerts test-channel hook -c stadtfunk.yaml")


def test_channel(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the channel in `alerts.channels`.")],
    config: ConfigOption = None,
) -> None:
    """Send one test message through a channel, at once and past the outbox, and say what came of it.

    Exit code 1 when it did not arrive.
    """
    with reported():
        from functools import partial

        from alerts.channels.testing import send_test
        from stadtfunk.database import running
        from stadtfunk.outbox_part import portal_url
        from storage.database import Role, connect

        settings = load(config)
        channel = settings.alerts.channels.get(name)
        if channel is None:
            known = ", ".join(settings.alerts.channels) or text("none")
            say(text("There is no channel {name}; configured: {known}", name=name, known=known))
            raise typer.Exit(ExitCode.FAILURE)
        zone, connector = settings.alerts.calendar.time_zone, partial(connect, settings.database, role=Role.ALERTS)
        sending = send_test(channel, time_zone=zone, portal_url=portal_url(settings), connect=connector)
        with running(settings.database) if channel.kind == "webpush" else nullcontext():
            result = asyncio.run(sending)
    if not result.ok:
        say(text("The test message of {name} did not arrive: {reason}", name=name, reason=result.reason))
        raise typer.Exit(ExitCode.FAILURE)
    console().print(text("The channel {name} took the test message.", name=name), markup=False, soft_wrap=True)
