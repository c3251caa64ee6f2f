"""`stadtfunk demo`: a whole simulated city on embedded parts, with history, to watch and to try things out."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from stadtfunk.commands.options import console, examples
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from rich.console import Console

    from stadtfunk.demonstration import Demonstration

EPILOG = examples(
    "stadtfunk demo",
    "stadtfunk demo --days 1 --scale 0.1",
    "stadtfunk status -c var/demo/stadtfunk.yaml   # beside it, in another terminal",
)


def demo(
    seed: Annotated[int | None, typer.Option(help="Another number, another city.")] = None,
    days: Annotated[float, typer.Option(min=0, max=300, help="Days of history to fill in first.")] = 7,
    scale: Annotated[float, typer.Option(min=0.01, max=100, help="Multiplies trees and heat meters.")] = 1,
    data_dir: Annotated[
        Path, typer.Option(file_okay=False, help="Folder of database, broker and configuration; it is kept.")
    ] = Path("var/demo"),
) -> None:
    """Run a simulated Mainz: parking bays, trees and heat meters, a radio network with losses, broker and database.

    Ctrl-C ends it and keeps the data; the next run adds what is new.
    """
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    with reported():
        from datetime import UTC, datetime

        from config.logging import Level, LoggingSettings, configure
        from stadtfunk.demonstration import City, DemoFailed, Demonstration

        configure(LoggingSettings(level=Level.WARNING))
        city = City(seed, days, scale, datetime.now(UTC).replace(microsecond=0))
        out = console()
        try:
            with Demonstration(data_dir, city) as demonstration:
                _run(demonstration, out)
        except (DemoFailed, RuntimeError) as error:
            say(text("The demo cannot go on: {error}", error=error))
            raise typer.Exit(ExitCode.FAILURE) from None
        except KeyboardInterrupt:
            out.print(text("Ended; the data are kept in {folder}.", folder=data_dir), soft_wrap=True)


def _as_ctrl_c(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run(demonstration: "Demonstration", out: "Console") -> None:
    from stadtfunk.demo_screen import show

    out.print(text("Starting database and broker in {folder} …", folder=demonstration.folder), soft_wrap=True)
    demonstration.prepare()
    if demonstration.city.days > 0:
        demonstration.begin_history()  # it thinks for some seconds, while the assets are registered
    _register(demonstration, out)
    demonstration.fill_charging()
    if demonstration.city.days > 0:
        _fill(demonstration, out)
        cases = demonstration.fill_cases()
        out.print(text("New cases of the past days: {count}; what officers did about them is simulated.", count=cases))
    out.print(text("Starting the service and the city …"))
    demonstration.go_live()
    _point_around(demonstration, out)
    asyncio.run(show(demonstration, out))


def _register(demonstration: "Demonstration", out: "Console") -> None:
    done = demonstration.register_assets()
    count = done.created + done.updated + done.unchanged
    out.print(text("{count} trees, bays, meters, gateways and charging stations are known.", count=count))


def _fill(demonstration: "Demonstration", out: "Console") -> None:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = (BarColumn(), MofNCompleteColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(TextColumn("{task.description}"), *bar, console=out) as progress:
        days = f"{demonstration.city.days:g}"
        task = progress.add_task(text("Filling {days} days of history", days=days), total=None)

        def show_progress(stored: int, total: int | None) -> None:
            progress.update(task, completed=stored, total=total)

        done = demonstration.fill(show_progress)
    result = done.result
    readings = sum(result.readings.values())
    out.print(text("New uplinks: {uplinks}, new readings: {readings}.", uplinks=result.uplinks, readings=readings))


def _point_around(demonstration: "Demonstration", out: "Console") -> None:
    """Where to look, and who may look."""
    from stadtfunk.demo_configuration import LOGINS, MAIL_PORT, PASSWORD

    rows = (
        (text("Portal"), demonstration.portal_url),
        (text("Logins"), ", ".join(f"{name} ({role})" for name, role in LOGINS.items())),
        (text("Password"), f"{PASSWORD}"),
        (text("Metrics"), f"{demonstration.url}/metrics"),
        (text("Readiness"), f"{demonstration.url}/readyz"),
        (text("Database"), f'psql "{demonstration.dsn}"'),
        (text("Status"), f"stadtfunk status -c {demonstration.config_file}"),
        (text("Log"), str(demonstration.log_file)),
    )
    for title, where in rows:
        out.print(f"  {title:<14} {where}", markup=False, soft_wrap=True)
    if not demonstration.settings.alerts.channels:
        hint = text("E-mails are not sent: no mail catcher listens on port {port}.", port=MAIL_PORT)
        out.print(f"  {hint}", markup=False, soft_wrap=True)
