"""The page Auswertung, its table for Excel, and the monthly report."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from alerts.report.content import Months, Report, districts
from alerts.report.pdf import report_pdf
from alerts.report.table import code_table, report_table
from alerts.statistics.calendar import Month
from portal import audit
from portal.auth import require
from portal.pages import Page, render, translator_of
from portal.services import PortalServices, Services
from portal.statistics import words
from portal.statistics.months import MonthCache, asking, report_settings
from portal.statistics.numbers import Numbers
from portal.statistics.view import Choice, View
from portal.user_roles import UserRole
from portal.users import User

READING: Final = frozenset(UserRole)
PAGES: Final = (Page("/statistics", "Auswertung", "chart", READING, order=50),)
EXPORTED: Final = "statistics_exported"
BACK: Final = 24
"""So many months can be chosen."""

Reader = Annotated[User, Depends(require(*READING, scope="statistics"))]
Text = Annotated[str, Query(max_length=200)]


def router(_services: PortalServices) -> APIRouter:
    """Page and downloads; the months that were asked for last are kept."""
    pages = _Pages(MonthCache())
    routes = APIRouter(prefix="/statistics")
    routes.add_api_route("", pages.page, methods=["GET"])
    routes.add_api_route("/tabelle.csv", pages.table, methods=["GET"])
    routes.add_api_route("/schluessel.csv", pages.codes, methods=["GET"])
    routes.add_api_route("/bericht.pdf", pages.pdf, methods=["GET"])
    return routes


class _Pages:
    def __init__(self, cache: MonthCache) -> None:
        self._cache = cache

    async def page(
        self,
        request: Request,
        services: Services,
        _user: Reader,
        monat: Text = "",
        bezirk: Text = "",
        station: Text = "",
    ) -> Response:
        """The month of `monat` (default: the running one), of a district or a station."""
        choice, months, counted_at = await self._chosen(services, monat, bezirk, station)
        sites = months.months[-1].sites
        return render(
            request,
            "statistics/statistics.html",
            view=View(months.report(counted_at, district=choice.district, site=choice.site)),
            choice=choice,
            months=_months(services),
            districts=districts(sites),
            stations=sorted((one.name, one.key, one.district) for one in sites),
            counted_at=counted_at,
            words=words,
            numbers=Numbers(translator_of(request).language),
        )

    async def table(
        self, services: Services, user: Reader, monat: Text = "", bezirk: Text = "", station: Text = ""
    ) -> Response:
        """The figures as a table for Excel."""
        choice, months, counted_at = await self._chosen(services, monat, bezirk, station)
        report = months.report(counted_at, district=choice.district, site=choice.site)
        await _note(services, user, choice, "csv")
        text = report_table(report, decimal=report_settings(services).decimal)
        return _download(text.encode(), "text/csv; charset=utf-8", f"ladeplaetze-{choice.month}.csv")

    async def codes(self, _user: Reader) -> Response:
        """What the table's codes mean."""
        return _download(code_table().encode(), "text/csv; charset=utf-8", "ladeplaetze-schluessel.csv")

    async def pdf(
        self, services: Services, user: Reader, monat: Text = "", fassung: Annotated[str, Query(max_length=20)] = ""
    ) -> Response:
        """The monthly report; `fassung=oeffentlich` is the one to publish."""
        public = fassung == "oeffentlich"
        choice, months, counted_at = await self._chosen(services, monat, "", "")
        await _note(services, user, choice, "pdf, public" if public else "pdf")
        content = await asyncio.to_thread(_pdf, months, counted_at, public)
        name = f"ladeplaetze-{choice.month}{'-oeffentlich' if public else ''}.pdf"
        return _download(content, "application/pdf", name)

    async def _chosen(
        self, services: PortalServices, month: str, district: str, site: str
    ) -> tuple[Choice, Months, datetime]:
        wanted = _month(services, month)
        months, counted_at = await self._cache.months(services, wanted)
        known = months.months[-1].sites
        if site and site not in {one.key for one in known}:
            raise HTTPException(404, "Not Found")
        if district and district not in districts(known):
            raise HTTPException(404, "Not Found")
        return Choice(wanted, district, site), months, counted_at


def _pdf(months: Months, counted_at: datetime, public: bool) -> bytes:
    report: Report = months.report(counted_at, public=public)
    return report_pdf(report)


def _month(services: PortalServices, written: str) -> Month:
    if not written:
        return Month.of(services.clock(), asking(services).zone)
    try:
        return Month.parse(written)
    except ValueError:
        raise HTTPException(404, "Not Found") from None


def _months(services: PortalServices) -> Sequence[Month]:
    running = Month.of(services.clock(), asking(services).zone)
    return [running.shifted(-back) for back in range(BACK)]


async def _note(services: PortalServices, user: User, choice: Choice, form: str) -> None:
    """Who took figures out is written down, as every export is."""
    detail = {"form": form, "district": choice.district, "station": choice.site}
    async with services.connection() as connection:
        await audit.record(
            connection,
            EXPORTED,
            at=services.clock(),
            username=user.name,
            subject=str(choice.month),
            detail={name: value for name, value in detail.items() if value},
        )


def _download(content: bytes, media_type: str, name: str) -> Response:
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
