"""The HTTP application: liveness, readiness, metrics, examples of shadow decoding and the webhook receiver, built from
objects handed in.
"""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.health import DeliverySink, Health
from portal.settings import MAX_BODY_BYTES, HttpSettings
from portal.webhooks import WebhookReceiver

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(
    health: Health,
    metrics_registry: CollectorRegistry,
    delivery_sink: DeliverySink,
    settings: HttpSettings,
    *,
    differences: Callable[[], Sequence[Mapping[str, object]]] = list,
) -> Starlette:
    """The application; it holds no state of its own.

    Args:
        differences: the latest examples in which a shadow decoder differs from the live one.
    """

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        return readiness(health)

    async def metrics(request: Request) -> Response:
        return exposition(metrics_registry, request.headers.get("accept", ""))

    async def shadow(_request: Request) -> Response:
        return JSONResponse({"differences": list(differences())})

    receiver = WebhookReceiver(settings, delivery_sink)

    async def webhook(request: Request) -> Response:
        return await receiver(request)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/shadow", shadow),
            Route("/webhooks/{source}", webhook, methods=["POST"], max_body_size=MAX_BODY_BYTES),
            # The Things Stack appends a path for each kind of message where its operator configures one.
            Route("/webhooks/{source}/{kind:path}", webhook, methods=["POST"], max_body_size=MAX_BODY_BYTES),
        ],
        middleware=[Middleware(SecurityHeaders)],
    )


def readiness(health: Health) -> Response:
    """200 when every check passes, else 503; both list the checks, so that one look tells the reason."""
    checks = health.checks()
    ready = all(check.ok for check in checks)
    return JSONResponse(
        {
            "ready": ready,
            "reasons": [check.name for check in checks if not check.ok],
            "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in checks],
        },
        status_code=200 if ready else 503,
    )


def exposition(registry: CollectorRegistry, accept: str) -> Response:
    """The metrics in the format that `accept` asks for: Prometheus text by default, else OpenMetrics."""
    encode, content_type = choose_encoder(accept)
    return Response(encode(registry), headers={"Content-Type": content_type})


class SecurityHeaders:
    """Sets the security headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _complete(message: MutableMapping[str, object]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
