"""An OpenID provider on loopback that signs real tokens, written after the OpenID Connect Core text.

It proves the client on its side: secret, redirect address, PKCE; and it can be told to lie.
"""

import asyncio
import base64
import hashlib
import time
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from portal.server import bind, serve
from portal.settings import HttpSettings

CLIENT_ID = "stadtfunk"
CLIENT_SECRET = "client-secret-for-tests"


class OpenIdProvider:
    """One provider.

    Attributes:
        claims: what it says about whoever logs in; more than the standard ones.
        changes: claims that are replaced by wrong ones.
        signing_key: replaced by a test that renews or forges keys.
        asked: parameters of the last request for authorization.
    """

    def __init__(self, port):
        self.issuer = f"http://127.0.0.1:{port}/realm"
        self.signing_key = new_key("first")
        self.published = [self.signing_key]
        self.algorithm = "RS256"
        self.claims = {"preferred_username": "Anna.Amt", "groups": ["stadt", "verkehr-aussendienst"]}
        self.changes = {}
        self.asked = {}
        self.codes = {}
        self.down = False

    @property
    def app(self):
        return Starlette(
            routes=[
                Route("/realm/.well-known/openid-configuration", self.configuration),
                Route("/realm/keys", self.keys),
                Route("/realm/authorize", self.authorize),
                Route("/realm/token", self.token, methods=["POST"]),
            ]
        )

    async def configuration(self, _request):
        if self.down:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def keys(self, _request):
        return JSONResponse(KeySet(self.published).as_dict(private=False))

    async def authorize(self, request: Request):
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        self.asked = asked
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", status_code=302)

    async def token(self, request: Request):
        sent = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(sent.get("code", ""), None)
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if (scheme, base64.b64decode(credentials).decode()) != ("Basic", f"{CLIENT_ID}:{CLIENT_SECRET}"):
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or sent["redirect_uri"] != asked["redirect_uri"]
            or challenge.decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])})

    def id_token(self, nonce):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "4711",
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        }
        header = {"alg": self.algorithm, "kid": self.signing_key.kid}
        return jwt.encode(header, claims | self.claims | self.changes, self.signing_key, algorithms=[self.algorithm])


def new_key(kid):
    """A key with its id."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}, auto_kid=False)


@asynccontextmanager
async def open_provider():
    """A provider that listens for the block."""
    listener = bind(HttpSettings(port=0))
    provider = OpenIdProvider(listener.getsockname()[1])
    serving = asyncio.create_task(serve(provider.app, listener))
    try:
        yield provider
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
