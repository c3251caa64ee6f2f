"""What the demo shows while it runs: readings by kind, the newest of them; plain lines where there is no terminal."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2
import psycopg
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from config.settings import Settings
from decoders.readings import KINDS, quantities
from stadtfunk.demonstration import Demonstration, Part
from stadtfunk.messages import text
from stadtfunk.status import Samples, base_url, samples
from storage.database import connect
from storage.failures import Fatal, Retryable
from storage.overview import LatestReading, latest

PERIOD = 1.0
LINE_EVERY = 10
WINDOW = timedelta(minutes=15)
NEWEST = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be seen at one moment."""

    metrics: Samples
    newest: Mapping[str, Sequence[LatestReading]]

    def stored(self, kind: str) -> int:
        """Readings of `kind` that the running service stored."""
        return int(self.metrics.get(("stadtfunk_stored_readings_total", kind), 0))

    @property
    def uplinks(self) -> int:
        """Uplinks that the running service stored."""
        return int(sum(value for (name, _), value in self.metrics.items() if name == "stadtfunk_stored_uplinks_total"))


async def show(demonstration: Demonstration, console: Console) -> None:
    """Show pictures until cancelled.

    Raises:
        DemoFailed: a part of the demo ended.
    """
    number = 0
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            demonstration.check()
            for part in demonstration.revive():
                console.print(revived(part), highlight=False, soft_wrap=True)
            picture = await look(demonstration.settings)
            if console.is_terminal:
                live.update(render(picture), refresh=True)
            elif number % LINE_EVERY == 0:
                console.print(line(picture), highlight=False, soft_wrap=True)
            number += 1
            await asyncio.sleep(PERIOD)


async def look(settings: Settings) -> Picture:
    """One picture; what does not answer is empty in it."""
    async with httpx2.AsyncClient(base_url=base_url(settings.http), timeout=2, trust_env=False) as client:
        try:
            metrics = samples((await client.get("/metrics")).text)
        except (httpx2.HTTPError, ValueError):
            metrics = {}
    try:
        return Picture(metrics, await _newest(settings))
    except (Retryable, Fatal, psycopg.Error):
        return Picture(metrics, {})


async def _newest(settings: Settings) -> dict[str, list[LatestReading]]:
    since = datetime.now(UTC) - WINDOW
    connection = await connect(settings.database, application_name="stadtfunk demo")
    async with connection:
        return {kind.kind: await latest(connection, kind, since=since, limit=NEWEST) for kind in KINDS}


def revived(part: Part) -> str:
    """That a part which somebody killed is started again."""
    if part is Part.DATABASE:
        return text("The database ended and is started again; what arrives meanwhile waits in the spool.")
    return text("The service ended and is started again; what arrives meanwhile waits at the broker.")


def line(picture: Picture) -> str:
    """One picture as one line."""
    kinds = "  ".join(f"{kind.title} {picture.stored(kind.kind)}" for kind in KINDS if picture.stored(kind.kind))
    return f"{datetime.now(UTC):%H:%M:%S}  " + text(
        "{uplinks} uplinks live: {kinds}", uplinks=picture.uplinks, kinds=kinds
    )


def render(picture: Picture) -> Group:
    """One picture as a table: the newest readings by kind, and how many came since the start."""
    table = Table(
        text("Readings"), text("Live"), text("Time"), text("Device"), text("Values"), box=None, pad_edge=False
    )
    for kind in KINDS:
        for number, reading in enumerate(picture.newest.get(kind.kind, ())):
            first = number == 0
            table.add_row(
                kind.title if first else "",
                str(picture.stored(kind.kind)) if first else "",
                f"{reading.observed_at.astimezone():%H:%M:%S}",
                Text(reading.device),
                Text(", ".join(_values(reading, kind.kind)), overflow="ellipsis", no_wrap=True),
            )
    return Group(table, Text(text("{uplinks} uplinks live. Ctrl-C ends the demo.", uplinks=picture.uplinks)))


def _values(reading: LatestReading, kind_name: str) -> Iterator[str]:
    [kind] = [kind for kind in KINDS if kind.kind == kind_name]
    known = quantities(kind)
    for name, value in reading.values.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        yield f"{known[name].title} {shown} {known[name].unit}".rstrip()
