"""Every PromQL of every checked-in dashboard, asked of a real Prometheus that scrapes the service under traffic."""

import asyncio
import json
import math
import random
import re
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from dashboards.files import FOLDER
from dashboards.queries import PROMETHEUS_TYPE
from tests.support.certificates import CertificateAuthority
from tests.support.mosquitto import HOST, Mosquitto, free_port
from tests.support.panels import panels
from tests.support.portal import HASH
from tests.support.prometheus import Prometheus, scrape
from tests.support.sender import Sender
from tests.support.service import Service
from tests.support.traffic import Traffic
from tests.unit.prometheus.rules import known_labels

WITHIN = 120.0
"""Deadline of waiting, not a promise: rates need some scrapes, and the machine may be busy."""
UNSAID: Mapping[str, str] = {}
"""Expression → why this service says nothing to it."""
MACROS = {"$__rate_interval": "20s", "$__interval": "5s", "$__range": "30s"}
OF_PROMETHEUS = frozenset({"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"})
"""Metrics of every program, which docs/metrics.md names as a family."""


def expressions() -> dict[str, str]:
    """Every expression as it stands in a file → its first panel."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.json")):
        for panel in panels(json.loads(path.read_text(encoding="utf-8"))):
            for target in panel["targets"]:
                if target["datasource"]["type"] == PROMETHEUS_TYPE:
                    found.setdefault(target["expr"], f"{path.stem} / {panel['title']}")
    return found


ASKED = expressions()


def expanded(expression: str) -> str:
    for macro, value in MACROS.items():
        expression = expression.replace(macro, value)
    assert "$" not in expression
    return expression


def names(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    return set(re.findall(r"\b(?:stadtfunk|process)_\w+", expression))


def test_there_are_expressions_to_ask() -> None:
    assert len(ASKED) > 40
    assert UNSAID.keys() <= ASKED.keys()


def test_every_metric_that_dashboards_read_is_documented() -> None:
    known = known_labels()
    for expression, panel in ASKED.items():
        for name in names(expression) - OF_PROMETHEUS:
            assert known.keys() & {name, re.sub("_(?:bucket|sum|count)$", "", name)}, f"{panel}: {name}"


def settings(folder: Path) -> dict[str, dict[str, Any]]:
    """Every part at work: a rule that is broken by each reading, a channel, a portal with a user, a certificate."""
    secret = folder / "secret"
    secret.write_text("secret-of-the-receiver-0123456789")
    authority = CertificateAuthority(folder / "authority")
    wet = {"kind": "threshold", "reading": "tree_moisture", "quantity": "soil_moisture", "above": 1, "clear": 0}
    hook = {"kind": "webhook", "url": "https://receiver.example/alerts", "secret_file": str(secret)}
    return {
        "database": {"sslrootcert": str(authority.ca_file)},
        "portal": {"enabled": True, "port": free_port(), "users": {"o": {"password_hash": HASH, "role": "officer"}}},
        "alerts": {"rules": {"wet": wet}, "channels": {"hook": hook}},
    }


async def fail_to_log_in(service: Service) -> None:
    """A page and a wrong password."""
    url = f"http://{HOST}:{service.configuration['portal']['port']}/login"  # type: ignore[index]
    async with httpx2.AsyncClient(trust_env=False) as client:
        page = await client.get(url)
        token = re.search(r'<meta name="csrf-token" content="([^"]*)">', page.text)
        headers = {"X-CSRF-Token": token[1]} if token else {}
        await client.post(url, data={"username": "o", "password": "wrong"}, headers=headers)


def answers(server: Prometheus, expression: str) -> bool:
    """True when the expression gives at least one number."""
    found = server.query(expanded(expression))
    return any(not math.isnan(float(sample["value"][1])) for sample in found)


async def ask(folder: Path, dsn: str) -> tuple[list[str], Service]:
    """What stays without an answer while messages come in, some of them poison."""
    with Mosquitto(folder / "mosquitto") as broker:
        source = {"name": "city", "host": HOST, "port": broker.port}
        mapping = {"profiles": {"Dragino LSE01": "dragino_lse01"}}
        service = Service(folder / "service", dsn, [source], settings={**settings(folder), "mapping": mapping})
        async with service:
            await service.ready()
            with Prometheus(folder / "prometheus", scrape(f"{HOST}:{service.port}")) as server:
                traffic = Traffic(random.Random(5), poison_share=0.2)  # each device that is new opens an alert
                async with Sender(traffic, set(), broker.port, rate=20):
                    return await wait_for_answers(server, service), service


async def wait_for_answers(server: Prometheus, service: Service) -> list[str]:
    missing = [expression for expression in ASKED if expression not in UNSAID]
    deadline = monotonic() + WITHIN
    while missing and monotonic() < deadline:
        await fail_to_log_in(service)
        await asyncio.sleep(1)
        missing = [one for one in missing if not await asyncio.to_thread(answers, server, one)]
    return missing


def test_every_expression_of_every_dashboard_has_an_answer(tmp_path: Path, database: str) -> None:
    missing, service = asyncio.run(ask(tmp_path, database))
    assert [f"{ASKED[one]}: {one}" for one in missing] == [], service.log()[-2000:]


@pytest.mark.parametrize("broken", ["rate(stadtfunk_nobody_total[$__rate_interval])", "sum by (source) ("])
def test_what_nobody_tells_or_nobody_can_read_would_be_seen(tmp_path: Path, broken: str) -> None:
    """That the proof can fail: a metric that is not there has no answer, and a wrong expression is an error."""
    with Prometheus(tmp_path / "prometheus", scrape(f"{HOST}:{free_port()}")) as server:
        try:
            assert not answers(server, broken)
        except ValueError as error:
            assert "parse error" in str(error)
