"""What a charge-point operator's platform is made of: locations, pages, times. Written after OCPI's text alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx2
from starlette.requests import Request

LONGEST_PAGE: Final = 100

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Page:
    """What a request for a list asks for."""

    offset: int
    limit: int
    date_from: str
    date_to: str

    @classmethod
    def of(cls, request: Request, page_size: int) -> "Page":
        """The page that a request asks for."""
        query = request.query_params
        limit = min(int(query.get("limit", page_size)), page_size, LONGEST_PAGE)
        return cls(int(query.get("offset", 0)), limit, query.get("date_from", ""), query.get("date_to", ""))

    def wants(self, last_updated: str) -> bool:
        """`date_from` is inclusive, `date_to` exclusive."""
        at = _read(last_updated)
        after = not self.date_from or at >= _read(self.date_from)
        return after and (not self.date_to or at < _read(self.date_to))

    def after(self, request: Request) -> str:
        """The query of the next page."""
        kept = {name: value for name, value in request.query_params.items() if name not in ("offset", "limit")}
        return str(httpx2.QueryParams({**kept, "offset": self.offset + self.limit, "limit": self.limit}))


def location(
    location_id: str,
    evse_ids: Sequence[str],
    *,
    name: str = "",
    latitude: float = 49.999671,
    longitude: float = 8.277076,
    at: datetime | None = None,
    party: tuple[str, str] = ("DE", "MZX"),
) -> Json:
    """A location with every mandatory field of 2.2.1, its EVSEs free."""
    stamp = written(at or datetime.now(UTC))
    evses: list[Json] = [_evse(f"{location_id}-{number}", evse_id, stamp) for number, evse_id in enumerate(evse_ids, 1)]
    return {
        "country_code": party[0],
        "party_id": party[1],
        "id": location_id,
        "publish": True,
        "name": name,
        "address": name or "Fischtorplatz 11",
        "city": "Mainz",
        "country": "DEU",
        "coordinates": {"latitude": f"{latitude:.6f}", "longitude": f"{longitude:.6f}"},
        "parking_type": "ON_STREET",
        "evses": evses,
        "operator": {"name": "Mainzer Stadtwerke AG"},
        "time_zone": "Europe/Berlin",
        "last_updated": stamp,
    }


def written(at: datetime) -> str:
    """A time as OCPI writes it, with fractions, so that times compare as texts."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _evse(uid: str, evse_id: str, stamp: str) -> Json:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "last_updated": stamp,
    }
    return {
        "uid": uid,
        "evse_id": evse_id,
        "status": "AVAILABLE",
        "capabilities": ["RFID_READER"],
        "connectors": [connector],
        "physical_reference": uid.rpartition("-")[2],
        "parking_restrictions": ["EV_ONLY", "PLUGGED"],
        "last_updated": stamp,
    }


def evses_of(location: Json) -> list[Json]:
    """The location's EVSEs."""
    evses = location["evses"]
    assert isinstance(evses, list)
    return evses


def _read(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
