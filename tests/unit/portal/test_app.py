"""Health, readiness and metrics endpoints, asked through ASGI."""

import asyncio

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter

from portal.app import SECURITY_HEADERS, create_app
from portal.health import Check
from portal.settings import HttpSettings
from tests.unit.portal.doubles import FixedHealth, RecordingSink

GOOD = Check("broker", ok=True)
BAD = Check("database", ok=False, detail="connection refused since 12 s")


def get(path, *checks, headers=None, method="GET"):
    registry = CollectorRegistry()
    Counter("stadtfunk_test_things", "Things.", registry=registry).inc(3)
    app = create_app(FixedHealth(list(checks)), registry, RecordingSink(), HttpSettings())

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://portal") as client:
            return await client.request(method, path, headers=headers or {})

    return asyncio.run(ask())


def test_healthz_answers_while_everything_else_is_down():
    assert get("/healthz", BAD).status_code == 200


def test_readyz_is_200_when_every_check_passes():
    answer = get("/readyz", GOOD)
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "reasons": [], "checks": [{"name": "broker", "ok": True, "detail": ""}]}


def test_readyz_is_503_and_names_the_reasons():
    answer = get("/readyz", GOOD, BAD)
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["database"]
    assert answer.json()["checks"][1]["detail"] == "connection refused since 12 s"


def test_metrics_are_prometheus_text_by_default():
    answer = get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "stadtfunk_test_things_total 3.0" in answer.text
    assert "# EOF" not in answer.text


def test_metrics_are_openmetrics_when_asked_for():
    answer = get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing", "/webhooks/x"])
def test_every_answer_carries_the_security_headers(path):
    answer = get(path, GOOD)
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_only_reading_is_allowed(path):
    assert get(path, method="POST").status_code == 405
