"""`stadtfunk status`: sources, lag, spool, rejects and rates at a glance."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from stadtfunk.status import ServiceStatus, Status
    from storage.overview import Overview

EPILOG = examples("stadtfunk status", "stadtfunk status --json | jq .kinds")


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the running service and what the database holds; takes a second, to measure rates.

    Exit code 4 when the database cannot be reached.
    """
    with reported():
        from stadtfunk.database import running
        from stadtfunk.status import gather

        settings = load(config)
        with running(settings.database):
            found = asyncio.run(gather(settings))
    if as_json:
        import json

        typer.echo(json.dumps(found.as_object(), default=_plain, ensure_ascii=False))
    else:
        out = console()
        for part in render(found):
            out.print(part, soft_wrap=isinstance(part, str))
    if found.database is None:
        raise typer.Exit(ExitCode.UNAVAILABLE)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def render(found: "Status") -> "Iterator[RenderableType]":
    """The parts of the screen, from top to bottom."""
    if found.service is None:
        yield text("The service does not answer at {url}.", url=found.url)
    else:
        yield from _render_service(found.service)
    if found.database is None:
        yield text("The database cannot be used: {error}", error=found.database_error)
    else:
        yield from _render_database(found.database)
    for warning in found.warnings:
        yield text("Warning: {warning}", warning=warning)


def _render_service(service: "ServiceStatus") -> "Iterator[RenderableType]":
    yield text("Ready.") if service.ready else text("Not ready.")
    for check in service.checks:
        if not check.get("ok") or check.get("detail"):
            yield f"  {check.get('name')}: {check.get('detail')}"
    table = _table(text("Source"), text("State"), text("Received"), text("Waiting"), text("Reconnects"))
    for name, source in service.sources.items():
        state = text("connected") if source.connected and source.subscribed else text("not connected")
        notes = [text("paused")] * source.paused + [text("loses messages")] * source.lossy
        table.add_row(
            name,
            ", ".join([state, *notes]),
            _number(source.received),
            _number(source.buffered),
            _number(source.reconnects),
        )
    yield table
    yield text(
        "Rates: {uplinks} uplinks/s, {readings} readings/s. Delay: median {p50}, 99 % below {p99}.",
        uplinks=f"{service.uplinks_per_second:.1f}",
        readings=f"{service.readings_per_second:.1f}",
        p50=_seconds(service.lag_p50_seconds),
        p99=_seconds(service.lag_p99_seconds),
    )
    yield text(
        "Spool: {messages} messages ({size} MB), the oldest message that is not in the database is {age} old.",
        messages=_number(service.spool_messages),
        size=f"{service.spool_bytes / 1e6:.1f}",
        age=_seconds(service.oldest_unstored_seconds),
    )
    if service.codecs_quarantined:
        yield text(
            "Codecs that overran too often and are not run for a while: {codecs}.",
            codecs=", ".join(service.codecs_quarantined),
        )


def _render_database(database: "Overview") -> "Iterator[RenderableType]":
    table = _table(text("Readings"), text("Rows"), text("Latest"))
    for kind, totals in database.kinds.items():
        table.add_row(kind, _number(totals.rows), _ago(totals.latest))
    yield table
    yield text(
        "Devices: {devices}, {orphans} of them without a decoder.",
        devices=_number(database.devices.devices),
        orphans=_number(database.devices.orphans),
    )
    yield text(
        "Uplinks: {uplinks}, {duplicates} came again, {missing} frames are missing.",
        uplinks=_number(database.devices.uplinks),
        duplicates=_number(database.devices.duplicates),
        missing=_number(database.devices.missing_frames),
    )
    reasons = ", ".join(f"{reason} {_number(count)}" for reason, count in database.rejected.items())
    yield text("Rejected: {reasons}", reasons=reasons or text("none"))


def _table(*titles: str) -> "Table":
    from rich.table import Table

    return Table(*titles, box=None, pad_edge=False)


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def _ago(at: datetime | None) -> str:
    if at is None:
        return "-"
    age = (datetime.now(UTC) - at).total_seconds()
    return f"{at.isoformat(sep=' ', timespec='seconds')}  ({_seconds(max(0.0, age))})"
