"""What we ask of an OpenID provider: its metadata and keys, kept for an hour, and the proof of one login."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from portal.site_settings import OidcSettings

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures with public keys only: `none` and shared secrets are never accepted."""
KEPT_SECONDS: Final = 3600.0
KEYS_AGAIN_SECONDS: Final = 30.0
LEEWAY_SECONDS: Final = 60
MAX_ANSWER_BYTES: Final = 512 * 1024

Claims = Mapping[str, object]


class ProviderAway(Exception):
    """The provider cannot be reached or gives no sensible answer; the login can be tried again."""


class OidcRefused(Exception):
    """What came back does not prove a login; one word says why."""


class Metadata(BaseModel):
    """What we need of the provider's own description."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


@dataclass(frozen=True, slots=True)
class _Kept:
    metadata: Metadata
    keys: KeySet
    at: float


class Provider:
    """One provider.

    Args:
        redirect_uri: where it sends people back to.
        keys_again_seconds: how old its keys must be to be asked for again when one is missing.

    Raises:
        OSError: the file with our secret cannot be read.
    """

    def __init__(
        self, settings: OidcSettings, *, redirect_uri: str, keys_again_seconds: float = KEYS_AGAIN_SECONDS
    ) -> None:
        self._keys_again_seconds = keys_again_seconds
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._secret = settings.read_client_secret()
        self._kept: _Kept | None = None
        self._lock = asyncio.Lock()

    async def authorization_url(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser.

        Raises:
            ProviderAway: the provider did not tell.
        """
        known = await self._known()
        async with self._client(known.metadata) as client:
            url, _ = client.create_authorization_url(
                known.metadata.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return str(url)

    async def claims(self, code: str, *, nonce: str, verifier: str) -> Claims:
        """What the provider says about the user, proved by its signature.

        Raises:
            ProviderAway: it did not answer.
            OidcRefused: it refused the code, or its answer proves nothing.
        """
        known = await self._known()
        token = await self._id_token(known.metadata, code, verifier)
        try:
            return self._proved(token, known, nonce)
        except InvalidKeyIdError:  # signed with a key that we do not have: it may be new
            known = await self._known(newer_than=self._keys_again_seconds)
        try:
            return self._proved(token, known, nonce)
        except InvalidKeyIdError:
            raise OidcRefused("unknown_key") from None

    async def _id_token(self, metadata: Metadata, code: str, verifier: str) -> str:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds), self._client(metadata) as client:
                token = await client.fetch_token(
                    metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
                )
        except OAuthError as error:
            raise OidcRefused(_word(error.error)) from None
        except (httpx2.HTTPError, TimeoutError, ValueError) as error:
            raise ProviderAway(type(error).__name__) from None
        if not isinstance(token, Mapping) or not isinstance(token.get("id_token"), str):
            raise OidcRefused("no_id_token")
        return str(token["id_token"])

    def _proved(self, token: str, known: _Kept, nonce: str) -> Claims:
        """The claims of `token`.

        Raises:
            InvalidKeyIdError: its key is not among those known.
            OidcRefused: signature, issuer, audience, time or nonce is wrong.
        """
        try:
            decoded = jwt.decode(token, known.keys, algorithms=ALGORITHMS)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": known.metadata.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                params={"nonce": nonce, "client_id": self._settings.client_id},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except InvalidKeyIdError:
            raise
        except JoseError as error:
            raise OidcRefused(_word(error.error)) from None
        return dict(claims)

    async def _known(self, *, newer_than: float = KEPT_SECONDS) -> _Kept:
        """Metadata and keys, asked for again when older than so many seconds."""
        async with self._lock:
            if self._kept is None or monotonic() - self._kept.at > newer_than:
                self._kept = await self._discover()
            return self._kept

    async def _discover(self) -> _Kept:
        issuer = self._settings.issuer.rstrip("/")
        try:
            async with asyncio.timeout(self._settings.timeout_seconds), _plain_client() as client:
                described = await _json(client, f"{issuer}/.well-known/openid-configuration")
                metadata = Metadata.model_validate(described)
                if metadata.issuer.rstrip("/") != issuer:
                    raise ProviderAway("issuer_differs")
                keys = _keys(await _json(client, metadata.jwks_uri))
        except (httpx2.HTTPError, TimeoutError, ValidationError, ValueError, KeyError, JoseError) as error:
            raise ProviderAway(type(error).__name__) from None
        return _Kept(metadata, keys, monotonic())

    def _client(self, metadata: Metadata) -> AsyncOAuth2Client:
        methods = metadata.token_endpoint_auth_methods_supported
        return AsyncOAuth2Client(
            self._settings.client_id,
            self._secret.get_secret_value(),
            token_endpoint_auth_method="client_secret_basic"
            if "client_secret_basic" in methods
            else "client_secret_post",
            scope=" ".join(self._settings.scopes),
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=self._settings.timeout_seconds,
            trust_env=False,
            follow_redirects=False,
        )


def _plain_client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False)


def _keys(found: Mapping[str, object]) -> KeySet:
    listed = found.get("keys")
    if not isinstance(listed, list):
        raise ValueError("expected a JSON Web Key Set")
    return KeySet.import_key_set({"keys": listed})


async def _json(client: httpx2.AsyncClient, url: str) -> dict[str, object]:
    """The JSON object at `url`, when it is not absurdly long."""
    async with client.stream("GET", url) as response:
        response.raise_for_status()
        body = b""
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("too long an answer")
    found = httpx2.Response(200, content=body).json()
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def _word(error: object) -> str:
    """An error's own word for logs, whatever the provider wrote into it."""
    return "".join(char for char in str(error) if char.isascii() and (char.isalnum() or char in "_-"))[:60]
