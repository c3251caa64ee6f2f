"""`status` without a network: numbers from two expositions, and what the screen and the JSON say."""

import json
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from decoders.uplink import Uplink
from ingest.delivery import LinkState
from ingest.metrics import Metrics
from portal.settings import HttpSettings
from stadtfunk.commands.status import render
from stadtfunk.status import Status, base_url, quantile, samples, service_status
from storage.batch import Outcome, Record, WriteResult
from storage.overview import DeviceTotals, KindTotals, Overview, SourceTotals

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DATABASE = Overview(
    devices=DeviceTotals(3321, 12, 1_000_000, 44, 987, NOON),
    sources={"city": SourceTotals(3321, NOON)},
    kinds={"tree_moisture": KindTotals(123_456, NOON), "parking_bay": KindTotals(0, None)},
    rejected={"truncated": 7},
)


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("STADTFUNK_LANG", "en")


@pytest.fixture
def metrics():
    found = Metrics(CollectorRegistry())
    links = {"city": LinkState(connected=True, subscribed=True), "ttn": LinkState(lossy=True, reconnects=3)}
    found.watch_links(lambda: links)
    found.watch_spool(messages=lambda: 5, size=lambda: 2_500_000, oldest=lambda: None)
    return found


def look(metrics):
    return samples(generate_latest(metrics.registry).decode())


def service(metrics, before, *, ready=True, seconds=2.0):
    checks = [{"name": "broker:city", "ok": ready, "detail": "" if ready else "refused"}]
    return service_status({"ready": ready, "checks": checks}, before, look(metrics), seconds)


def record(seconds_ago):
    at = datetime.fromtimestamp(NOON.timestamp() - seconds_ago, UTC)
    uplink = Uplink("city", "0", 0, 1, b"", ns_time=at, received_at=at)
    return Record("city", "", b"", at, event=uplink, outcome=Outcome.DECODED)


def test_codecs_in_quarantine_are_named(metrics):
    metrics.codec_quarantined("acme_probe", quarantined=True)
    metrics.codec_quarantined("other_probe", quarantined=False)
    found = service(metrics, look(metrics))
    assert found.codecs_quarantined == ["acme_probe"]
    screen = [part for part in render(Status("url", found, "here", DATABASE)) if isinstance(part, str)]
    assert "Codecs that overran too often and are not run for a while: acme_probe." in screen


def test_rates_lag_and_sources_come_from_two_looks(metrics):
    metrics.received("city", 30)
    before = look(metrics)
    result = WriteResult(uplinks=30, readings={"tree_moisture": 40, "device_health": 10})
    metrics.committed("city", [record(0.02)] * 99 + [record(0.2)], result, seconds=0.01, live_at=NOON)
    found = service(metrics, before)
    assert found.uplinks_per_second == 15.0
    assert found.readings_per_second == 25.0
    assert 0.015 < found.lag_p50_seconds <= 0.025 < found.lag_p99_seconds + 0.01
    assert (found.spool_messages, found.spool_bytes) == (5, 2_500_000)
    assert found.sources["city"].received == 30
    assert found.sources["city"].connected
    assert (found.sources["ttn"].lossy, found.sources["ttn"].reconnects) == (True, 3)


def test_quantiles_are_interpolated_and_an_empty_histogram_has_none(metrics):
    values = {("x_bucket", "1.0"): 10.0, ("x_bucket", "2.0"): 30.0, ("x_bucket", "+Inf"): 40.0}
    assert quantile(values, "x", 0.25) == 1.0
    assert quantile(values, "x", 0.5) == 1.5
    assert quantile(values, "x", 0.99) == 2.0
    assert quantile(look(metrics), "stadtfunk_commit_lag_seconds", 0.5) is None


def shown(status):
    from rich.console import Console

    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    for part in render(status):
        console.print(part)
    return console.export_text()


def test_the_screen_tells_everything_at_a_glance(metrics):
    found = shown(Status("http://127.0.0.1:8080", service(metrics, look(metrics)), "db:5432/x", DATABASE))
    for part in ("Ready.", "city", "connected", "loses messages", "tree_moisture", "123\u202f456", "truncated 7"):
        assert part in found


def test_the_screen_tells_what_is_missing(metrics):
    status = Status("http://127.0.0.1:8080", None, "db:5432/x", None, "cannot be reached", ("sources.x.qos: 0",))
    found = shown(status)
    assert "The service does not answer at http://127.0.0.1:8080." in found
    assert "The database cannot be used: cannot be reached" in found
    assert "Warning: sources.x.qos: 0" in found
    not_ready = Status("u", service(metrics, look(metrics), ready=False), "w", DATABASE)
    assert "broker:city: refused" in shown(not_ready)


def test_the_json_has_kinds_with_rows_and_latest(metrics):
    status = Status("u", service(metrics, look(metrics)), "w", DATABASE)
    found = json.loads(json.dumps(status.as_object(), default=lambda at: at.isoformat()))
    assert found["kinds"] == {
        "tree_moisture": {"rows": 123_456, "latest": "2026-11-24T12:00:00+00:00"},
        "parking_bay": {"rows": 0, "latest": None},
    }
    assert found["rejected"] == {"truncated": 7}
    assert found["service"]["sources"]["ttn"]["lossy"] is True


def test_the_json_without_service_and_database_has_the_same_keys():
    status = Status("u", None, "w", None, "away")
    assert set(status.as_object()) == set(Status("u", None, "w", DATABASE).as_object())
    assert status.as_object()["kinds"] == {}


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:9"), ("0.0.0.0", "http://127.0.0.1:9"), ("::", "http://[::1]:9")],
)
def test_where_the_service_is_asked(host, url):
    assert base_url(HttpSettings(host=host, port=9)) == url
