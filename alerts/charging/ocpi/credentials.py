"""The handshake: which version both speak, where its endpoints are, and new tokens for both directions.

Either we register with an operator (its token A is in our configuration) or the operator registers with us (our
token A is in its). In both ways one side asks the other for versions and details while the other waits.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from alerts.charging.exchange import ErrorKind, SourceError
from alerts.charging.ocpi.client import OcpiClient, Role
from alerts.charging.ocpi.models import write_time
from alerts.charging.ocpi.tokens import TokenFiles, digest, is_token, new_token
from alerts.charging.settings import ChargingSettings, OcpiSettings
from alerts.charging.store import merge_link, read_link
from storage.database import Connection

logger = logging.getLogger(__name__)

VERSIONS: Final = ("2.2.1", "2.3.0")
"""What we speak, in the order in which we choose."""
UNABLE_TO_USE_API: Final = 3001
UNSUPPORTED_VERSION: Final = 3002
NO_MATCHING_ENDPOINTS: Final = 3003
RENEW_AFTER: Final = timedelta(days=30)


class Refused(Exception):
    """A handshake that an operator began cannot be finished; `code` is OCPI's word for it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Link:
    """What a handshake agreed on.

    Attributes:
        issued: digest of the token that the operator calls us with.
    """

    version: str
    credentials_url: str
    locations_url: str
    roles: tuple[Role, ...]
    issued: str
    registered_at: datetime

    @property
    def operator(self) -> Role | None:
        """The operator's role as such, or its first one."""
        return next((one for one in self.roles if one.role == "CPO"), next(iter(self.roles), None))

    @classmethod
    def of(cls, state: Mapping[str, object]) -> "Link | None":
        """The link in a stored state; None before the handshake."""
        stored = state.get("link")
        if not isinstance(stored, dict):
            return None
        roles = tuple(Role(**role) for role in stored["roles"])
        registered_at = datetime.fromisoformat(stored["registered_at"])
        return cls(**{**stored, "roles": roles, "registered_at": registered_at})

    def state(self) -> dict[str, object]:
        """As it is stored."""
        roles = [asdict(role) for role in self.roles]
        return {"link": {**asdict(self), "roles": roles, "registered_at": self.registered_at.isoformat()}}


@dataclass(frozen=True, slots=True)
class Discovered:
    """What an operator offers in the version that both speak."""

    version: str
    credentials_url: str
    locations_url: str


class Handshake:
    """The handshakes with one operator.

    Args:
        files: where the operator's tokens are kept.
    """

    def __init__(self, source: str, settings: ChargingSettings, files: TokenFiles) -> None:
        self.source = source
        self.settings: OcpiSettings = settings.ocpi[source]
        self.client = OcpiClient(self.settings, settings.party)
        self._charging = settings
        self._files = files

    async def link(self, connection: Connection) -> tuple[Link, SecretStr] | None:
        """What was agreed on, and the token for calls to the operator; None before the handshake.

        Raises:
            OSError: the token's file cannot be read.
        """
        link, token = Link.of(await read_link(connection, self.source)), self._files.read(self.source)
        return None if link is None or token is None else (link, token)

    async def register(self, connection: Connection, now: datetime) -> Link:
        """Register with the operator's token A, or renew both tokens of a link that stands.

        Raises:
            SourceError: the operator does not play along.
            OSError: a token's file cannot be read or written.
        """
        known = await self.link(connection)
        token = known[1] if known is not None else self.settings.read_token()
        if token is None:
            raise SourceError(ErrorKind.HANDSHAKE, "the operator has not registered with us yet")
        found = await self.discover(self.settings.versions_url, token)
        ours = new_token()
        # known before the operator calls us with it, which is during the next request
        await merge_link(connection, self.source, {"pending": digest(ours)})
        method = "POST" if known is None else "PUT"
        try:
            answer = await self.client.send(method, found.credentials_url, token, self.credentials(ours))
            theirs, roles = _token_of(answer), roles_of(answer)
        except SourceError as error:
            await merge_link(connection, self.source, {"pending": None})
            raise _explained(error) from None
        return await self._keep(connection, found, theirs, ours, roles, now)

    async def accept(self, connection: Connection, body: object, now: datetime) -> str:
        """Finish the handshake that the operator began with `body`; returns the token that it shall call us with.

        Raises:
            Refused: why not, in OCPI's words.
            OSError: the token's file cannot be written.
        """
        try:
            theirs, roles, url = _token_of(body), roles_of(body), _url_of(body)
        except SourceError as error:
            raise Refused(2001, str(error)) from None
        if urlsplit(url).hostname not in self.settings.hosts:
            raise Refused(UNABLE_TO_USE_API, "the versions URL is on a host that we may not call")
        found = await self._discovered(url, theirs)
        ours = new_token()
        await self._keep(connection, found, theirs, ours, roles, now)
        return ours

    async def forget(self, connection: Connection) -> None:
        """End the link: the operator unregistered.

        Raises:
            OSError: the token's file cannot be removed.
        """
        self._files.remove(self.source)
        await merge_link(connection, self.source, {"link": None, "pending": None})
        logger.info("ocpi_unregistered source=%s", self.source)

    async def discover(self, versions_url: str, token: SecretStr) -> Discovered:
        """What the operator offers.

        Raises:
            SourceError: it cannot be asked, or we have nothing in common.
        """
        version, url = _chosen(await self.client.get(versions_url, token))
        return _endpoints(version, await self.client.get(url, token))

    def credentials(self, token: str) -> dict[str, object]:
        """Our credentials object with the token that the operator shall call us with."""
        party = self._charging.party
        role = {
            "role": party.role,
            "business_details": {"name": party.name},
            "party_id": party.party_id,
            "country_code": party.country_code,
        }
        return {"token": token, "url": f"{self._charging.public_url}/ocpi/versions", "roles": [role]}

    async def _discovered(self, url: str, token: SecretStr) -> Discovered:
        try:
            return await self.discover(url, token)
        except _NothingInCommon as error:
            raise Refused(error.code, str(error)) from None
        except SourceError as error:
            raise Refused(UNABLE_TO_USE_API, f"your versions endpoint cannot be used: {error}") from None

    async def _keep(
        self,
        connection: Connection,
        found: Discovered,
        theirs: SecretStr,
        ours: str,
        roles: tuple[Role, ...],
        now: datetime,
    ) -> Link:
        link = Link(found.version, found.credentials_url, found.locations_url, roles, digest(ours), now)
        self._files.write(self.source, theirs)
        await merge_link(connection, self.source, {**link.state(), "pending": None})
        logger.info(
            "ocpi_registered source=%s version=%s at=%s roles=%d",
            *(self.source, link.version, write_time(now), len(roles)),
        )
        return link


class _NothingInCommon(SourceError):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(ErrorKind.HANDSHAKE, message)
        self.code = code


def roles_of(credentials: object) -> tuple[Role, ...]:
    """The roles in a credentials object; what 2.3.0 adds is not looked at.

    Raises:
        SourceError: there is none.
    """
    listed = credentials.get("roles") if isinstance(credentials, dict) else None
    roles = [role for item in listed if (role := _role(item)) is not None] if isinstance(listed, list) else []
    if not roles:
        raise SourceError(ErrorKind.MALFORMED, "the credentials have no roles")
    return tuple(roles)


def _role(item: object) -> Role | None:
    if not isinstance(item, dict):
        return None
    values = [item.get(name) for name in ("country_code", "party_id", "role")]
    if not all(isinstance(value, str) and value.isprintable() for value in values):
        return None
    return Role(*(str(value).upper() for value in values))


def _token_of(credentials: object) -> SecretStr:
    token = credentials.get("token") if isinstance(credentials, dict) else None
    if not is_token(token):
        raise SourceError(ErrorKind.MALFORMED, "the credentials have no token")
    return SecretStr(str(token))


def _url_of(credentials: object) -> str:
    url = credentials.get("url") if isinstance(credentials, dict) else None
    if not isinstance(url, str) or not url:
        raise SourceError(ErrorKind.MALFORMED, "the credentials have no url")
    return url


def _chosen(listed: object) -> tuple[str, str]:
    """The version that both speak, and the URL of its details."""
    offered = {item.get("version"): item.get("url") for item in _objects(listed) if isinstance(item.get("url"), str)}
    for version in VERSIONS:
        if version in offered:
            return version, str(offered[version])
    raise _NothingInCommon(UNSUPPORTED_VERSION, f"no version in common: we speak {' and '.join(VERSIONS)}")


def _endpoints(version: str, details: object) -> Discovered:
    offered = details.get("endpoints") if isinstance(details, dict) else None
    urls = {(item.get("identifier"), item.get("role")): str(item.get("url")) for item in _objects(offered)}
    credentials = next((url for (name, _), url in urls.items() if name == "credentials"), None)
    locations = urls.get(("locations", "SENDER"))
    if credentials is None or locations is None:
        raise _NothingInCommon(NO_MATCHING_ENDPOINTS, "the endpoints credentials and locations (SENDER) are needed")
    return Discovered(version, credentials, locations)


def _objects(value: object) -> Sequence[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _explained(error: SourceError) -> SourceError:
    if error.kind is ErrorKind.REFUSED and "405" in str(error):
        reason = "the operator says that we are registered already (405): ask for a new token and to unregister us"
        return SourceError(ErrorKind.HANDSHAKE, reason)
    return error
