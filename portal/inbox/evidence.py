"""The Vorgangsprotokoll of a case: JSON that `stadtfunk evidence verify` checks, and PDF for people.

The head of the hash chain stands in both and in the audit log, so that a document that was recomputed as a whole can
be told from the original.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.responses import Response

from alerts.evidence import Document, document
from portal import audit
from portal.inbox import story
from portal.inbox.entries import one_case
from portal.inbox.protocol import protocol
from portal.inbox.roles import READING_SCOPE
from portal.services import PortalServices, Services
from portal.users import User
from storage.database import Connection
from storage.statements import load

_QUERIES = load("inbox")

EXPORTED = "case_exported"

routes = APIRouter()

Reader = Annotated[User, Depends(READING_SCOPE)]


@routes.get("/inbox/cases/{number}/protokoll.json")
async def as_json(services: Services, user: Reader, number: str) -> Response:
    """The protocol as a document that proves itself."""
    found = await _export(services, user, number, "json")
    text = json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True)
    return _download(text.encode(), "application/json", number, "json")


@routes.get("/inbox/cases/{number}/protokoll.pdf")
async def as_pdf(services: Services, user: Reader, number: str) -> Response:
    """The protocol on paper."""
    found = await _export(services, user, number, "pdf")
    async with services.connection() as connection:
        entry = await one_case(connection, number)
    if entry is None:
        raise HTTPException(404, "Not Found")
    return _download(await asyncio.to_thread(protocol, entry, found), "application/pdf", number, "pdf")


async def _export(services: PortalServices, user: User, number: str, form: str) -> Document:
    """The document, with who heard the sensor added while that is kept; the export is written down.

    Raises:
        HTTPException: 404, no case at a charging bay has this number.
    """
    now = services.clock()
    async with services.connection() as connection, connection.transaction():
        if await one_case(connection, number) is None:
            raise HTTPException(404, "Not Found")
        found = await document(connection, number, at=now)
        if found is None:
            raise HTTPException(404, "Not Found")
        radio = await _radio(connection, found)
        await audit.record(
            connection,
            EXPORTED,
            at=now,
            username=user.name,
            subject=number,
            detail={"form": form, "head": found["head"], "events": len(found["events"])},
        )
    return {**found, "radio": radio}


async def _radio(connection: Connection, found: Document) -> Sequence[Mapping[str, Any]]:
    """Gateways, RSSI and SNR of each message; outside of the seal, since it is read when it is asked for."""
    keys = [key for bay in story.bays(found) for row in bay.uplinks if (key := _uplink_key(row)) is not None]
    if not keys:
        return []
    devices, times, counters = map(list, zip(*keys, strict=True))
    cursor = await connection.execute(_QUERIES["radio"], {"devices": devices, "times": times, "counters": counters})
    return [
        {
            "key": f"{device}/{ns_time.isoformat()}/{f_cnt}",
            "gateway": gateway,
            "rssi": rssi,
            "snr": None if snr is None else round(snr, 1),
        }
        for device, ns_time, f_cnt, gateway, rssi, snr in await cursor.fetchall()
    ]


def _uplink_key(row: Mapping[str, Any]) -> tuple[int, datetime, int] | None:
    """Device, time and frame counter of a message, as the evidence names it."""
    try:
        device, ns_time, f_cnt = str(row["key"]).split("/")
        return int(device), datetime.fromisoformat(ns_time), int(f_cnt)
    except (KeyError, ValueError):
        return None


def _download(content: bytes, kind: str, number: str, ending: str) -> Response:
    name = f"vorgangsprotokoll-{number}.{ending}"
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
