"""Requests to an operator's OCPI endpoints: envelope, headers, pages.

An operator's answers name further URLs (endpoints, next pages). They are followed only to the operator's own hosts,
so that no answer sends our token anywhere else.
"""

import json
import logging
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from alerts.charging.exchange import ErrorKind, SourceError, ask, check, read_json
from alerts.charging.ocpi.models import write_time
from alerts.charging.ocpi.tokens import authorization
from alerts.charging.settings import OcpiSettings, PartySettings
from alerts.outgoing import Answer, Request

logger = logging.getLogger(__name__)

SUCCESS = range(1000, 2000)
MAX_PAGES = 10_000
_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Role:
    """One role of an operator's platform."""

    country_code: str
    party_id: str
    role: str = ""


class OcpiClient:
    """Asks one operator.

    Args:
        party: who we are.
    """

    def __init__(self, settings: OcpiSettings, party: PartySettings) -> None:
        self._settings = settings
        self._party = party
        self._tls = settings.tls.context()

    async def get(self, url: str, token: SecretStr) -> object:
        """`data` of the answer, for the modules without routing headers (versions, credentials).

        Raises:
            SourceError: there is none.
        """
        _, data = await self._exchange("GET", url, token)
        return data

    async def send(self, method: str, url: str, token: SecretStr, body: Mapping[str, object]) -> object:
        """`data` of the answer to a body.

        Raises:
            SourceError: the operator does not take it.
        """
        _, data = await self._exchange(method, url, token, content=json.dumps(body).encode())
        return data

    async def locations(
        self, endpoint: str, token: SecretStr, operator: Role | None, *, date_from: datetime | None = None
    ) -> AsyncIterator[list[object]]:
        """The operator's locations page by page; those updated from `date_from` on, all without it.

        Raises:
            SourceError: a page cannot be had. What came before holds, but the whole does not.
        """
        query = {} if date_from is None else {"date_from": write_time(date_from)}
        url: str | None = _with_query(endpoint, query)
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= MAX_PAGES:
                raise SourceError(ErrorKind.MALFORMED, "the pages have no end")
            seen.add(url)
            answer, data = await self._exchange("GET", url, token, headers=self._routing(operator))
            if not isinstance(data, list):
                raise SourceError(ErrorKind.MALFORMED, "data is no list")
            yield data
            url = next_page(answer.headers.get("link", ""))

    async def evse(self, endpoint: str, token: SecretStr, operator: Role | None, location_id: str, uid: str) -> object:
        """One EVSE as it is now.

        Raises:
            SourceError: it cannot be had.
        """
        url = f"{endpoint.rstrip('/')}/{quote(location_id, safe='')}/{quote(uid, safe='')}"
        _, data = await self._exchange("GET", url, token, headers=self._routing(operator))
        return data

    async def _exchange(
        self,
        method: str,
        url: str,
        token: SecretStr,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> tuple[Answer, object]:
        if urlsplit(url).hostname not in self._settings.hosts:
            raise SourceError(ErrorKind.FORBIDDEN, "the operator sends us to a host that is not in also_hosts")
        request = Request(
            url,
            self._settings.timeout_seconds,
            method=method,
            headers=self._headers(token, headers or {}, with_body=bool(content)),
            content=content,
            max_bytes=self._settings.max_bytes,
            allow_hosts=self._settings.allow_hosts,
            tls=self._tls,
        )
        answer = await ask(request)
        check(answer, allowed=frozenset({200, 201}))
        return answer, data_of(await read_json(answer))

    def _headers(self, token: SecretStr, routing: Mapping[str, str], *, with_body: bool) -> dict[str, str]:
        headers = {
            "Authorization": authorization(token, raw=self._settings.raw_token),
            "Accept": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
            **routing,
        }
        return {**headers, "Content-Type": "application/json"} if with_body else headers

    def _routing(self, operator: Role | None) -> dict[str, str]:
        headers = {
            "OCPI-from-country-code": self._party.country_code,
            "OCPI-from-party-id": self._party.party_id,
        }
        if operator is not None:
            headers |= {"OCPI-to-country-code": operator.country_code, "OCPI-to-party-id": operator.party_id}
        return headers


def data_of(envelope: object) -> object:
    """`data` of OCPI's envelope.

    Raises:
        SourceError: it is no envelope, or its code is no success.
    """
    if not isinstance(envelope, dict):
        raise SourceError(ErrorKind.MALFORMED, "the answer is no OCPI envelope")
    code = envelope.get("status_code")
    if not isinstance(code, int) or isinstance(code, bool):
        raise SourceError(ErrorKind.MALFORMED, "the answer has no status_code")
    if code not in SUCCESS:
        raise SourceError(ErrorKind.STATUS_CODE, f"OCPI status {code}")
    return envelope.get("data")


def next_page(link: str) -> str | None:
    """The URL of the next page in a `Link` header."""
    found = _NEXT.search(link)
    return None if found is None else found[1]


def _with_query(url: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(query))))))
