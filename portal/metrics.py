"""What the portal counts, for Prometheus. Labels are routes, statuses and outcomes; never users or addresses."""

from enum import StrEnum
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)


class LoginOutcome(StrEnum):
    """How a try to log in ended."""

    OK = "ok"
    FAILED = "failed"
    SLOWED = "slowed"
    """It came too soon after failures and was not proved."""


class PortalMetrics:
    """Counters of one process.

    Args:
        registry: where they are registered; one `PortalMetrics` per registry.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._logins = Counter(
            "stadtfunk_portal_logins",
            "Tries to log in to the portal; many that failed or were slowed are an attack.",
            ["origin", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "stadtfunk_portal_answer_seconds",
            "Time until an answer of the portal began, by route.",
            ["route", "status"],
            registry=registry,
            buckets=SECONDS,
        )

    def login(self, origin: str, outcome: LoginOutcome) -> None:
        """Somebody tried to log in."""
        self._logins.labels(origin, outcome).inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """An answer began."""
        self._seconds.labels(route, f"{status // 100}xx").observe(seconds)


class MeasureAnswers:
    """Observes each answer under the pattern of its route; unknown paths are one label together."""

    def __init__(self, app: ASGIApp, metrics: PortalMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure the begin of its answer."""
        began = perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = str(getattr(scope.get("route"), "path", "") or "other")
                self._metrics.answered(route, message["status"], perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_measured)
