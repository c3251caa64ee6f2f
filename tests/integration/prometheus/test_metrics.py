"""The real `/metrics` of every process: promtool has nothing to say, and docs/metrics.md knows all of them."""

import asyncio
import re
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.mosquitto import Mosquitto, free_port
from tests.support.portal import HASH
from tests.support.prometheus import prometheus_program
from tests.support.service import Metrics, Service
from tests.unit.prometheus.rules import known_labels

UPLINK = (Path(__file__).parents[2] / "events/tts/up/tree_moisture_3_rx_one_packetbroker.json").read_bytes()
TOKEN = "token-of-the-sender-0123456789"
PARTS = {"": "all", "engine": "engine", "portal": "portal"}
FROST = {"kind": "threshold", "reading": "tree_moisture", "quantity": "soil_temperature", "below": 0, "clear": 2}


@pytest.fixture(scope="module")
def expositions(tmp_path_factory, postgres, migrated_template):
    """What a process with all parts, an engine and a portal tell, by part: as text and as OpenMetrics."""
    folder = tmp_path_factory.mktemp("processes")
    secret = folder / "secret"
    secret.write_text(2 * TOKEN)
    dsn = postgres.create_database("metrics_of_all", template=migrated_template)
    with Mosquitto(folder / "mosquitto") as broker:
        found = asyncio.run(tell(folder, dsn, broker.port, secret))
    postgres.drop_database("metrics_of_all")
    return found


async def tell(folder, dsn, broker_port, secret):
    async with AsyncExitStack() as stack:
        services = {}
        for only, name in PARTS.items():
            sources = [] if only else [{"name": "city", "host": "127.0.0.1", "port": broker_port}]
            service = Service(folder / name, dsn, sources, settings=settings(secret), only=only)
            services[name] = await stack.enter_async_context(service)
        for service in services.values():
            await service.ready()
        await act(services)
        return {name: await look(service) for name, service in services.items()}


def settings(secret):
    return {
        "http": {"webhooks": {"ttn": {"token": TOKEN}}},
        "portal": {"enabled": True, "port": free_port(), "users": {"o": {"password_hash": HASH, "role": "officer"}}},
        "alerts": {
            "rules": {"frost": FROST},
            "channels": {
                "hook": {"kind": "webhook", "url": "https://receiver.example/alerts", "secret_file": str(secret)}
            },
        },
    }


async def act(services):
    """An uplink, a page, a turn of a rule: what has labels only once it happened."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        uplink = f"http://127.0.0.1:{services['all'].port}/webhooks/ttn/up"
        assert (await client.post(uplink, headers=headers, content=UPLINK)).status_code == 200
        port = services["portal"].configuration["portal"]["port"]
        assert (await client.get(f"http://127.0.0.1:{port}/login")).status_code == 200
    async with asyncio.timeout(30):
        while not await upkeep_and_rounds_are_done(services):
            await asyncio.sleep(0.05)


async def upkeep_and_rounds_are_done(services):
    """A pass of maintenance ended well, and the active one of both engines had its rules behind it."""
    told = {name: await services[name].metrics() for name in ("all", "engine")}
    rounds = [one["alert_engine_last_round_timestamp_seconds"] for one in told.values() if one["alert_engine_active"]]
    return told["all"]["maintenance_seconds_count"] > 0 and any(rounds)


async def look(service):
    wanted = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        url = f"http://127.0.0.1:{service.port}/metrics"
        return (await client.get(url)).text, (await client.get(url, headers=wanted)).text


def samples(text):
    """Name and labels of every sample of ours."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("stadtfunk_"):
                yield sample.name, frozenset(sample.labels) - {"le"}


@pytest.mark.parametrize("part", PARTS.values())
def test_promtool_has_nothing_to_say(expositions, part):
    command = [prometheus_program("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=expositions[part][0], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("part", PARTS.values())
def test_every_metric_is_documented_with_its_labels(expositions, part):
    known = known_labels()
    found = set(samples(expositions[part][0]))
    assert found
    for name, labels in found:
        assert known.get(name, known.get(re.sub("_(?:bucket|sum|count)$", "", name))) == labels, name


@pytest.mark.parametrize("part", PARTS.values())
def test_every_process_tells_about_itself(expositions, part):
    names = {name for name, _ in samples(expositions[part][0])}
    assert names >= {"stadtfunk_build_info", "stadtfunk_check_up", "stadtfunk_event_loop_lag_seconds_bucket"}
    assert "process_resident_memory_bytes" in expositions[part][0]
    assert not [name for name in names if name.endswith("_created")]
    assert expositions[part][1].endswith("# EOF\n")


def test_times_and_limits_are_true(expositions):
    told = Metrics(expositions["all"][0])
    now = time.time()
    assert now - 600 < told["maintenance_last_success_timestamp_seconds"] <= now
    assert now - 600 < told["rollups_fresh_timestamp_seconds"] <= now
    assert told["spool_limit_bytes"] == 1 << 30
    assert 0 < told.value("disk_free_bytes", folder="spool") < told.value("disk_size_bytes", folder="spool")
    assert told.value("check_up", check="canary", source="city") == 1
    assert {Metrics(expositions[part][0])["alert_rules"] for part in ("all", "engine")} == {1}


def test_every_documented_metric_is_there(expositions):
    told = "".join(plain for plain, _ in expositions.values())
    missing = {name for name in known_labels() if f"# TYPE {name} " not in told}
    assert missing == set()
