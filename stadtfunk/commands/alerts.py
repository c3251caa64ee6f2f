"""`stadtfunk alerts`: what is open, what happened to it, what a rule would raise, and silences."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from stadtfunk.commands import channels
from stadtfunk.commands.options import ConfigOption, JsonOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from alerts.listing import ListedAlert, ListedEvent
    from alerts.model import Finding
    from config.settings import Settings
    from storage.database import Connection

LIST_EPILOG = examples("stadtfunk alerts list", "stadtfunk alerts list --rule wrong_parking --all --json")
SHOW_EPILOG = examples("stadtfunk alerts show 2026-000123", "stadtfunk alerts show 2026-000123 --json")
TEST_EPILOG = examples(
    "stadtfunk alerts test silent_devices --from 2026-11-01",
    "stadtfunk alerts test frost --from 2026-11-01T00:00+01:00 --to 2026-11-08T00:00+01:00 --json",
)
SILENCE_EPILOG = examples(
    "stadtfunk alerts silence --subject B-4711 --for 4h --comment 'roadworks'",
    "stadtfunk alerts silence --rule silent_devices --from 2026-12-24T18:00+01:00 --for 2d",
)
SILENCES_EPILOG = examples("stadtfunk alerts silences", "stadtfunk alerts silences --json")
UNSILENCE_EPILOG = examples("stadtfunk alerts unsilence 7")
T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Alerts, the rules that raise them, and silences.")
app.command("test-channel", epilog=channels.EPILOG)(channels.test_channel)

RuleOption = Annotated[str | None, typer.Option("--rule", "-r", metavar="RULE", help="Only this rule.")]
FromOption = Annotated[str | None, typer.Option("--from", metavar="ISO-TIME", help="Begin; default: now.")]


@app.command("list", epilog=LIST_EPILOG)
def list_(
    rule: RuleOption = None,
    all_: Annotated[bool, typer.Option("--all", help="Those that have ended, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many, the latest first.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List alerts that are open; with --json one object per line."""
    with reported():
        from alerts.listing import listed

        found = _ask(load(config), lambda c: listed(c, rule=rule, ended=all_, limit=limit))
    if as_json:
        _print_json(found)
    elif found:
        _print_alerts(found)
    else:
        console().print(text("No alert is open."))


@app.command("show", epilog=SHOW_EPILOG)
def show(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The alert's number from `alerts list`.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one alert with everything that happened to it; fails when its log was tampered with."""
    with reported():
        from alerts.listing import events, listed

        settings = load(config)
        found = _ask(settings, lambda c: listed(c, number=number, ended=True, limit=1))
        happened = _ask(settings, lambda c: events(c, number))
    if not found:
        say(text("There is no alert {number}.", number=number))
        raise typer.Exit(ExitCode.FAILURE)
    if as_json:
        _print_json([*found, *happened])
    else:
        _print_alert(found[0], happened)
    if not all(event.intact for event in happened):
        say(text("The log of this alert was changed afterwards."))
        raise typer.Exit(ExitCode.FAILURE)


@app.command("test", epilog=TEST_EPILOG)
def test(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Its name in the configuration.")],
    since: Annotated[str, typer.Option("--from", metavar="ISO-TIME", help="Begin of the history.")],
    until: Annotated[str | None, typer.Option("--to", metavar="ISO-TIME", help="End of it; default: now.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a rule of the configuration would have raised from stored history; nothing is changed or sent.

    With --json each alert is printed as soon as it is found, those of one subject in order of time.
    """
    with reported():
        settings = load(config)
        start, end = _moment(since), datetime.now(UTC) if until is None else _moment(until)
        if start >= end:
            raise typer.BadParameter(text("the begin must lie before the end"), param_hint="--from")
        if rule not in settings.alerts.rules:
            known = ", ".join(settings.alerts.rules) or "-"
            raise typer.BadParameter(text("{name} is none of {known}", name=rule, known=known), param_hint="RULE")
        rows: list[tuple[datetime, tuple[str, ...]]] = []

        def tell(found: "Sequence[Finding]") -> None:
            if as_json:
                _print_json([_finding(finding) for finding in found])
            else:
                rows.extend((finding.due_at, _cells(finding)) for finding in found)

        _ask(settings, lambda c: _tried(c, rule, settings, (start, end), tell))
    if not as_json:
        _print_tried([cells for _, cells in sorted(rows)])


async def _tried(
    connection: "Connection",
    rule: str,
    settings: "Settings",
    between: tuple[datetime, datetime],
    tell: "Callable[[Sequence[Finding]], None]",
) -> None:
    """Tell what is found as it is found: nobody waits for the end of a long history, and nothing of it is kept."""
    from alerts.trial import trial

    async with aclosing(trial(connection, rule, settings.alerts, since=between[0], until=between[1])) as parts:
        async for part in parts:
            tell(sorted(part.findings, key=lambda finding: (finding.due_at, finding.subject)))


@app.command("silence", epilog=SILENCE_EPILOG)
def silence(
    lasting: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 4h, 2d.")],
    rule: RuleOption = None,
    subject: Annotated[
        str | None, typer.Option("--subject", "-s", metavar="KEY", help="Only this device, gateway or asset.")
    ] = None,
    since: FromOption = None,
    comment: Annotated[str, typer.Option(help="Why, kept with the silence.")] = "",
    config: ConfigOption = None,
) -> None:
    """Tell nobody of alerts for a while: of a rule, of a device or gateway, of an asset under maintenance.

    Alerts are recorded all the same, and those that are still open when the silence ends are told then.
    """
    with reported():
        from alerts.silences import Silence, add

        start = datetime.now(UTC) if since is None else _moment(since)
        end = start + _duration(lasting)
        one = Silence(start, end, rule, subject, comment, getpass.getuser())
        number = _ask(load(config), lambda c: add(c, one))
    console().print(text("Silence {number} until {time}.", number=number, time=_local(end)), markup=False)


@app.command("silences", epilog=SILENCES_EPILOG)
def silences(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List silences that go on or will begin."""
    with reported():
        from alerts.silences import unended

        found = _ask(load(config), lambda c: unended(c, datetime.now(UTC)))
    if as_json:
        _print_json(found)
        return
    titles = ("ID", text("Rule"), text("Subject"), text("From"), text("Until"), text("By"), text("Comment"))
    rows = [
        (str(one.id), one.rule or "*", one.subject or "*", _local(one.starts_at), _local(one.ends_at), one.created_by,
         one.comment)
        for one in found
    ]  # fmt: skip
    _print_table(titles, rows)


@app.command("unsilence", epilog=UNSILENCE_EPILOG)
def unsilence(
    number: Annotated[int, typer.Argument(metavar="ID", help="The number from `alerts silences`.")],
    config: ConfigOption = None,
) -> None:
    """End a silence now."""
    with reported():
        from alerts.silences import end

        ended = _ask(load(config), lambda c: end(c, number, datetime.now(UTC)))
    if not ended:
        say(text("There is no silence {number} that goes on.", number=number))
        raise typer.Exit(ExitCode.FAILURE)
    console().print(text("Silence {number} is over.", number=number), markup=False)


def _ask(settings: "Settings", question: "Callable[[Connection], Awaitable[T]]") -> T:
    from stadtfunk.database import running
    from storage.database import Role, connect

    async def ask() -> T:
        connection = await connect(settings.database, role=Role.ALERTS, application_name="stadtfunk alerts")
        async with connection:
            return await question(connection)

    with running(settings.database):
        return asyncio.run(ask())


def _moment(given: str) -> datetime:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(text("{time} is no ISO 8601 time", time=repr(given))) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration(given: str) -> timedelta:
    from alerts.durations import parse

    found = parse(given)
    if not isinstance(found, timedelta) or not found:
        raise typer.BadParameter(text("expected a duration such as 30s, 10m, 2h or 7d"), param_hint="--for")
    return found


def _finding(finding: "Finding") -> dict[str, object]:
    ended = finding.ended
    return {
        "subject": finding.subject,
        "subject_kind": finding.subject_kind,
        "occurrence": finding.occurrence,
        "code": finding.code,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "since": finding.since,
        "due_at": finding.due_at,
        "ended_at": None if ended is None else ended.at,
        "reason": "" if ended is None else ended.reason,
        "told": finding.notifiable,
        "group": finding.group,
        "badges": finding.badges,
        "facts": dict(finding.facts),
    }


def _cells(one: "Finding") -> tuple[str, ...]:
    ended = ("-", "") if one.ended is None else (_local(one.ended.at), one.ended.reason)
    told = text("yes") if one.notifiable else text("no")
    return (_local(one.due_at), _local(one.since), one.subject, one.code, *ended, told)


def _print_tried(rows: Sequence[tuple[str, ...]]) -> None:
    titles = (text("Due"), text("Since"), text("Subject"), "Code", text("Ended"), text("Reason"), text("Told"))
    _print_table(titles, rows)
    console().print(text("{count} alert(s) would have been raised.", count=len(rows)))


def _print_alerts(found: "Sequence[ListedAlert]") -> None:
    titles = (text("Number"), text("Rule"), text("Subject"), "Code", text("State"), text("Since"), text("District"))
    _print_table(
        titles,
        [(one.number, one.rule, one.asset or one.subject, one.code, one.state, _local(one.since), one.district)
         for one in found],
    )  # fmt: skip


def _print_alert(alert: "ListedAlert", happened: "Sequence[ListedEvent]") -> None:
    from dataclasses import asdict

    from stadtfunk.commands.rejected import printable

    out = console()
    for name, value in asdict(alert).items():
        out.print(f"{name:<13} {printable(str(value))}", markup=False, soft_wrap=True)
    titles = ("#", text("Time"), text("Event"), text("By"), text("Reason"))
    _print_table(titles, [(str(e.position), _local(e.at), e.kind, e.actor, e.reason) for e in happened])


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from stadtfunk.commands.rejected import printable

    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console().print(table)


def _print_json(found: Sequence[object]) -> None:
    import json
    from dataclasses import asdict, is_dataclass

    for one in found:
        values = asdict(one) if is_dataclass(one) and not isinstance(one, type) else one
        typer.echo(json.dumps(values, default=_plain, ensure_ascii=False))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _local(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
