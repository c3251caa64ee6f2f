"""A charge-point operator's OCPI 2.2.1 platform: the counterpart of Stadtfunk in the demo and in tests.

Written after the specification alone, and on purpose without any code of Stadtfunk's own OCPI parts, so that one
cannot hide the other's mistake. It offers Locations as SENDER (pages, `date_from`, single objects), registers in both
directions, pushes PATCH and PUT, notes what a partner does against the specification, and fails on demand.
"""

import asyncio
import base64
import binascii
import secrets
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stadtfunk.demo.cpo_objects import Json, Page, evses_of
from stadtfunk.demo.cpo_objects import location as location  # offered here, too
from stadtfunk.demo.cpo_objects import written as written

VERSION: Final = "2.2.1"

Answer = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Faults:
    """What goes wrong, changed at any time.

    Attributes:
        slow_seconds: every answer takes this long.
        status: every answer of Locations has this HTTP status instead.
        code: every answer of Locations has this OCPI status instead.
        drop_pushes: pushes are not sent; the specification says that they SHOULD NOT be queued.
        push_token: what pushes carry instead of the partner's token.
        unversioned: the versions that are offered are none that anybody speaks.
        no_endpoints: the version's details list no endpoint.
        broken: objects that stand before the real ones in every page.
    """

    slow_seconds: float = 0.0
    status: int = 0
    code: int = 0
    drop_pushes: bool = False
    push_token: str = ""
    unversioned: bool = False
    no_endpoints: bool = False
    broken: Sequence[object] = ()


@dataclass(slots=True)
class Partner:
    """Somebody who registered: our token for calls to it, its endpoints, its roles."""

    token: str
    receiver_url: str
    credentials_url: str
    roles: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push: HTTP and OCPI status; None when it was dropped or nobody answered."""

    status: int | None = None
    code: int | None = None


class Refusal(Exception):
    """A request that this platform refuses."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(slots=True)
class Cpo:
    """One operator's platform.

    Args:
        base_url: where it is reached, without a slash at the end; may be set once the port is known.
        token_a: what partners register with.
        raw_tokens: tokens are sent and understood without base64, as older platforms do.
        page_size: objects in a page at most.
    """

    locations: dict[str, Json] = field(default_factory=dict)
    base_url: str = ""
    token_a: str = field(default_factory=lambda: secrets.token_hex(16))
    country_code: str = "DE"
    party_id: str = "MZX"
    name: str = "Mainzer Stadtwerke AG"
    raw_tokens: bool = False
    page_size: int = 50
    timeout: float = 5.0
    faults: Faults = field(default_factory=Faults)
    violations: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    partner: Partner | None = None
    issued: str = ""

    @property
    def app(self) -> Starlette:
        """The HTTP application."""
        base = f"/ocpi/{VERSION}"
        return Starlette(
            routes=[
                Route("/ocpi/versions", self._versions),
                Route(base, self._details),
                Route(f"{base}/credentials", self._credentials, methods=["GET", "POST", "PUT", "DELETE"]),
                Route(f"{base}/locations", self._list),
                Route(f"{base}/locations/{{location}}", self._object),
                Route(f"{base}/locations/{{location}}/{{evse}}", self._object),
                Route(f"{base}/locations/{{location}}/{{evse}}/{{connector}}", self._object),
            ]
        )

    # ---- what happens at the charge points ---------------------------------------------------------------

    def add(self, locations: Iterable[Json]) -> None:
        """More locations."""
        for one in locations:
            self.locations[str(one["id"])] = one

    def set_status(self, evse_id: str, status: str, at: datetime | None = None) -> tuple[str, str]:
        """Change an EVSE; returns location id and uid. Nobody hears of it until it is pushed or asked for."""
        stamp = written(at or datetime.now(UTC))
        for one in self.locations.values():
            for evse in evses_of(one):
                if evse_id in (evse["evse_id"], evse["uid"]):
                    evse.update(status=status, last_updated=stamp)
                    one["last_updated"] = max(stamp, str(one["last_updated"]))
                    return str(one["id"]), str(evse["uid"])
        raise KeyError(evse_id)

    async def change(self, evse_id: str, status: str, at: datetime | None = None) -> Pushed:
        """Change an EVSE and push it."""
        location, uid = self.set_status(evse_id, status, at)
        evse = self._find(location, uid)
        return await self.push("PATCH", (location, uid), {"status": status, "last_updated": evse["last_updated"]})

    async def push(self, method: str, path: Sequence[str], body: Json | None = None) -> Pushed:
        """Send a change to the partner's receiver; a location's own object without a body."""
        if self.partner is None or self.faults.drop_pushes:
            return Pushed()
        url = "/".join([self.partner.receiver_url, self.country_code, self.party_id, *path])
        content = self.locations[path[0]] if body is None and method == "PUT" else body
        try:
            answer = await self._call(method, url, self.faults.push_token or self.partner.token, content, routed=True)
        except httpx2.HTTPError:
            return Pushed()
        return Pushed(answer.status_code, _code(answer))

    async def read_back(self, *path: str) -> object:
        """What the partner knows of one of our objects; None when it knows nothing."""
        assert self.partner is not None
        url = "/".join([self.partner.receiver_url, self.country_code, self.party_id, *path])
        answer = await self._call("GET", url, self.partner.token, None, routed=True)
        return answer.json().get("data")

    # ---- registering -------------------------------------------------------------------------------------

    async def register_with(self, versions_url: str, token: str) -> Pushed:
        """Begin the handshake at a partner who gave us `token`."""
        receiver, credentials = await self._discover(versions_url, token)
        self.issued = _new_token()
        answer = await self._call("POST", credentials, token, self._own_credentials())
        data = answer.json().get("data")
        if isinstance(data, dict):
            self.partner = Partner(data["token"], receiver, credentials, data["roles"])
        return Pushed(answer.status_code, _code(answer))

    async def renew(self) -> Pushed:
        """New tokens in both directions."""
        assert self.partner is not None
        self.issued = _new_token()
        answer = await self._call("PUT", self.partner.credentials_url, self.partner.token, self._own_credentials())
        self.partner.token = answer.json()["data"]["token"]
        return Pushed(answer.status_code, _code(answer))

    async def unregister(self) -> Pushed:
        """End the partnership."""
        assert self.partner is not None
        answer = await self._call("DELETE", self.partner.credentials_url, self.partner.token, None)
        return Pushed(answer.status_code, _code(answer))

    async def _discover(self, versions_url: str, token: str) -> tuple[str, str]:
        """The partner's Locations receiver and credentials endpoint."""
        listed = (await self._call("GET", versions_url, token, None)).json()["data"]
        details_url = next(one["url"] for one in listed if one["version"] == VERSION)
        endpoints = (await self._call("GET", details_url, token, None)).json()["data"]["endpoints"]
        receiver = next(e["url"] for e in endpoints if (e["identifier"], e["role"]) == ("locations", "RECEIVER"))
        return receiver, next(e["url"] for e in endpoints if e["identifier"] == "credentials")

    def _own_credentials(self) -> Json:
        role = {"role": "CPO", "party_id": self.party_id, "country_code": self.country_code}
        roles = [{**role, "business_details": {"name": self.name}}]
        return {"token": self.issued, "url": f"{self.base_url}/ocpi/versions", "roles": roles}

    async def _call(self, method: str, url: str, token: str, body: object, *, routed: bool = False) -> httpx2.Response:
        value = token if self.raw_tokens else base64.b64encode(token.encode()).decode()
        ids = {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": str(uuid.uuid4())}
        headers = {"Authorization": f"Token {value}", **ids}
        if routed and self.partner is not None:
            other = self.partner.roles[0]
            headers |= {"OCPI-from-country-code": self.country_code, "OCPI-from-party-id": self.party_id}
            headers |= {"OCPI-to-country-code": other["country_code"], "OCPI-to-party-id": other["party_id"]}
        async with httpx2.AsyncClient(timeout=self.timeout, trust_env=False) as client:
            answer = await client.request(method, url, headers=headers, json=body)
        if any(answer.headers.get(name) != sent for name, sent in ids.items()):
            self.violations.append(f"{method} {url}: the ids of the request are not echoed")
        if routed and answer.headers.get("OCPI-to-party-id") != self.party_id:
            self.violations.append(f"{method} {url}: the answer is not addressed to us")
        return answer

    # ---- the platform's own endpoints --------------------------------------------------------------------

    async def _versions(self, request: Request) -> Response:
        async def answer() -> object:
            version = "9.9" if self.faults.unversioned else VERSION
            return [{"version": version, "url": f"{self.base_url}/ocpi/{VERSION}"}]

        return await self._answered(request, answer, opens=True)

    async def _details(self, request: Request) -> Response:
        async def answer() -> object:
            base = f"{self.base_url}/ocpi/{VERSION}"
            endpoints = [
                {"identifier": "credentials", "role": "SENDER", "url": f"{base}/credentials"},
                {"identifier": "locations", "role": "SENDER", "url": f"{base}/locations"},
                {"identifier": "sessions", "role": "SENDER", "url": f"{base}/sessions"},
            ]
            return {"version": VERSION, "endpoints": [] if self.faults.no_endpoints else endpoints}

        return await self._answered(request, answer, opens=True)

    async def _credentials(self, request: Request) -> Response:
        async def answer() -> object:
            registered = self.partner is not None
            if request.method == "GET":
                return self._own_credentials()
            if registered is (request.method == "POST"):
                raise Refusal(405, 2000, "registered already" if registered else "not registered")
            if request.method == "DELETE":
                self.partner, self.issued = None, ""
                return None
            return await self._take_credentials(await request.json())

        return await self._answered(request, answer, opens=True)

    async def _take_credentials(self, theirs: Mapping[str, object]) -> Json:
        """The other side of the handshake: ask the partner with its token while it waits."""
        for name in ("token", "url", "roles"):
            if not theirs.get(name):
                raise Refusal(200, 2001, f"credentials without {name}")
        token, roles = str(theirs["token"]), theirs["roles"]
        try:
            receiver, credentials = await self._discover(str(theirs["url"]), token)
        except (httpx2.HTTPError, ValueError, KeyError):
            raise Refusal(200, 3001, "your API cannot be used") from None
        except StopIteration:
            raise Refusal(200, 3003, "no matching endpoints") from None
        assert isinstance(roles, list)
        self.partner, self.issued = Partner(token, receiver, credentials, roles), _new_token()
        return self._own_credentials()

    async def _list(self, request: Request) -> Response:
        page = Page.of(request, self.page_size)
        found = [one for one in self.locations.values() if page.wants(str(one["last_updated"]))]
        rest = found[page.offset :]
        headers = {"X-Total-Count": str(len(found)), "X-Limit": str(page.limit)}
        if len(rest) > page.limit:
            url = f"{self.base_url}{request.url.path}"
            headers["Link"] = f'<{url}?{page.after(request)}>; rel="next"'

        async def answer() -> object:
            return [*self.faults.broken, *rest[: page.limit]]

        return await self._answered(request, answer, headers=headers)

    async def _object(self, request: Request) -> Response:
        async def answer() -> object:
            return self._find(*request.path_params.values())

        return await self._answered(request, answer)

    def _find(self, location: str, evse: str = "", connector: str = "") -> Json:
        found = self.locations.get(location)
        if found is not None and evse:
            found = next((one for one in evses_of(found) if one["uid"] == evse), None)
        if found is not None and connector:
            connectors = found["connectors"]
            assert isinstance(connectors, list)
            found = next((one for one in connectors if one["id"] == connector), None)
        if found is None:
            raise Refusal(404, 2003, "unknown location")
        return found

    async def _answered(
        self, request: Request, answer: Answer, *, opens: bool = False, headers: Mapping[str, str] | None = None
    ) -> Response:
        self.requests.append((request.method, request.url.path))
        if self.faults.slow_seconds:
            await asyncio.sleep(self.faults.slow_seconds)
        try:
            self._check_token(request, opens=opens)
            self._note_violations(request, functional=not opens)
            if self.faults.status and not opens:
                return JSONResponse({"error": "on demand"}, self.faults.status)
            data, code = await answer(), 1000 if opens else self.faults.code or 1000
            return _enveloped(data, code, request, headers or {})
        except Refusal as refusal:
            return _enveloped(None, refusal.code, request, {}, status=refusal.status)

    def _check_token(self, request: Request, *, opens: bool) -> None:
        """Token A opens versions and credentials only, and nothing once the partnership stands."""
        token = self._token(request.headers.get("authorization", ""))
        if token and token == self.issued:
            return
        if not (opens and token == self.token_a and self.partner is None):
            raise Refusal(401, 2000, "unknown token")

    def _token(self, header: str) -> str:
        scheme, _, value = header.partition(" ")
        if scheme != "Token":
            return ""
        if self.raw_tokens:
            return value
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""

    def _note_violations(self, request: Request, *, functional: bool) -> None:
        headers, name = request.headers, f"{request.method} {request.url.path}"
        self.violations += [f"{name}: no {one}" for one in ("X-Request-ID", "X-Correlation-ID") if one not in headers]
        routing = [f"OCPI-{way}-{what}" for way in ("to", "from") for what in ("party-id", "country-code")]
        wrong = [one for one in routing if (one in headers) is not functional]
        self.violations += [f"{name}: {one} {'missing' if functional else 'not for this module'}" for one in wrong]


def _new_token() -> str:
    return secrets.token_hex(20)


def _code(answer: httpx2.Response) -> int | None:
    try:
        content = answer.json()
    except ValueError:
        return None
    return content.get("status_code") if isinstance(content, dict) else None


def _enveloped(data: object, code: int, request: Request, headers: Mapping[str, str], *, status: int = 200) -> Response:
    envelope: Json = {"status_code": code, "timestamp": written(datetime.now(UTC))}
    if data is not None:
        envelope["data"] = data
    ids = {name: request.headers.get(name, "") for name in ("X-Request-ID", "X-Correlation-ID")}
    return JSONResponse(envelope, status, headers={**ids, **headers})
