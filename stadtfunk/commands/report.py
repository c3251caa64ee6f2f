"""`stadtfunk report parking`: the monthly report about charging bays, as a PDF and as a table for Excel."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stadtfunk.commands.options import ConfigOption, console, examples, load
from stadtfunk.commands.outcome import reported, say
from stadtfunk.exit_codes import ExitCode
from stadtfunk.messages import text

if TYPE_CHECKING:
    from alerts.report.content import Report
    from alerts.statistics.calendar import Month
    from config.settings import Settings

EPILOG = examples(
    "stadtfunk report parking --month 2026-10 --pdf oktober.pdf --csv oktober.csv",
    "stadtfunk report parking --month 2026-10 --public --pdf oktober-oeffentlich.pdf",
)

app = typer.Typer(help="Reports about what was measured and what was done.", no_args_is_help=True)


@app.command(epilog=EPILOG)
def parking(
    month: Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, in local time.")],
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the report as a PDF.")] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write its numbers as a table for Excel, and the codes in a second one."
        ),
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="The version to publish: small numbers of a site are kept secret.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Tell how a month was at the charging bays; without a file a summary is printed.

    Exit code 4 when the database cannot be reached.
    """
    from alerts.statistics.calendar import Month

    try:
        wanted = Month.parse(month)
    except ValueError:
        raise typer.BadParameter(text("{month} is no month such as 2026-10", month=repr(month))) from None
    with reported():
        from stadtfunk.database import running

        settings = load(config)
        with running(settings.database):
            found = asyncio.run(_gather(settings, wanted, public))
    try:
        _write(found, settings, pdf, csv)
    except OSError as error:
        say(text("The report cannot be written: {error}", error=error))
        raise typer.Exit(ExitCode.FAILURE) from None


async def _gather(settings: "Settings", month: "Month", public: bool) -> "Report":
    from alerts.report.content import load_months
    from alerts.statistics.loading import Asking
    from storage.database import Role, connect

    now = datetime.now(UTC)
    connection = await connect(settings.database, role=Role.PORTAL, application_name="stadtfunk report")
    async with connection:
        months = await load_months(connection, month, now, Asking.of(settings.alerts), settings.report)
    return months.report(now, public=public)


def _write(found: "Report", settings: "Settings", pdf: Path | None, csv: Path | None) -> None:
    out = console()
    if pdf is not None:
        from alerts.report.pdf import report_pdf

        pdf.write_bytes(report_pdf(found))
        out.print(text("Report: {file}", file=pdf), soft_wrap=True)
    if csv is not None:
        from alerts.report.table import code_table, report_table

        codes = csv.with_stem(f"{csv.stem}-schluessel")
        csv.write_text(report_table(found, decimal=settings.report.decimal), encoding="utf-8", newline="")
        codes.write_text(code_table(), encoding="utf-8", newline="")
        out.print(text("Table: {file}, its codes: {codes}", file=csv, codes=codes), soft_wrap=True)
    if pdf is None and csv is None:
        from alerts.report.summary import summary

        out.print(summary(found).replace("**", ""), soft_wrap=True)
