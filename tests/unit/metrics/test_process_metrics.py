"""What every process tells about itself: event loop, checks, disks, memory limit, the end of certificates."""

import asyncio
import os
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from config.settings import Settings
from ingest.metrics import LAG_BUCKETS
from portal.health import Check
from portal.metrics import SECONDS
from stadtfunk import process_metrics
from stadtfunk.certificates import CertificateFile, certificate_files
from stadtfunk.process_metrics import LOOP_BUCKETS, ProcessMetrics, memory_limit
from stadtfunk.upkeep_metrics import UpkeepMetrics
from tests.support.certificates import CertificateAuthority


class Health:
    found = (Check("broker:city", ok=True), Check("database", ok=False, detail="away"))

    def checks(self):
        return self.found


@pytest.fixture
def registry():
    return CollectorRegistry()


def read(registry, name, **labels):
    return registry.get_sample_value(f"stadtfunk_{name}", labels)


def test_checks_of_readiness_are_read_at_scrape_time(registry):
    health = Health()
    ProcessMetrics(registry, version="1.2.3", health=health)
    assert read(registry, "check_up", check="broker", source="city") == 1
    assert read(registry, "check_up", check="database", source="") == 0
    health.found = (Check("database", ok=True),)
    assert read(registry, "check_up", check="database", source="") == 1
    assert read(registry, "check_up", check="broker", source="city") is None


def test_the_event_loop_lag_sees_a_blocked_loop(registry, monkeypatch):
    monkeypatch.setattr(process_metrics, "LOOP_PERIOD_SECONDS", 0.01)
    metrics = ProcessMetrics(registry, version="1", health=Health())

    async def block():
        watching = asyncio.create_task(metrics.watch_event_loop())
        await asyncio.sleep(0)
        deadline = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < deadline:
            pass
        async with asyncio.timeout(10):  # until the overdue timer has run
            while not read(registry, "event_loop_lag_seconds_count"):
                await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(block())
    assert read(registry, "event_loop_lag_seconds_sum") >= 0.18


def test_disks_of_folders_that_are_there(registry, tmp_path):
    folders = {"spool": tmp_path, "database": tmp_path / "not-made-yet"}
    ProcessMetrics(registry, version="1", health=Health(), folders=folders)
    assert 0 < read(registry, "disk_free_bytes", folder="spool") < read(registry, "disk_size_bytes", folder="spool")
    assert read(registry, "disk_free_bytes", folder="database") is None


@pytest.mark.parametrize(
    ("text", "limit"), [("536870912\n", 536870912), ("max\n", None), (None, None)], ids=["limit", "no limit", "no file"]
)
def test_the_memory_limit_of_the_own_control_group(tmp_path, text, limit):
    own = tmp_path / "own"
    own.write_text("0::/system.slice/stadtfunk.service\n")
    group = tmp_path / "system.slice" / "stadtfunk.service"
    group.mkdir(parents=True)
    if text is not None:
        (group / "memory.max").write_text(text)
    assert memory_limit(own, tmp_path) == limit


def test_no_control_groups_no_limit(tmp_path):
    assert memory_limit(tmp_path / "missing", tmp_path) is None


def test_every_certificate_file_of_the_settings_is_found(tmp_path):
    tls = {"ca_file": "/ca.pem", "cert_file": "/me.pem", "key_file": "/me.key", "crl_file": "/crl.pem"}
    settings = Settings.model_validate(
        {
            "sources": [{"name": "city", "host": "broker.example", "tls": tls}],
            "database": {"dsn": "postgresql://db/stadtfunk", "sslrootcert": "/root.pem", "sslcert": "/db.pem"},
            "charging": {"mqtt": {"stadtwerke": {"tls": {"ca_file": "/ca.pem"}}}},
        }
    )
    assert {file.setting: str(file.path) for file in certificate_files(settings)} == {
        "sources.city.tls.ca_file": "/ca.pem",
        "sources.city.tls.cert_file": "/me.pem",
        "sources.city.tls.crl_file": "/crl.pem",
        "database.sslrootcert": "/root.pem",
        "database.sslcert": "/db.pem",
        "charging.mqtt.stadtwerke.tls.ca_file": "/ca.pem",
    }


def test_the_end_of_certificates_and_lists_follows_their_files(registry, tmp_path):
    authority = CertificateAuthority(tmp_path)
    good, over = authority.issue("good"), authority.issue("over", expired=True)
    own = CertificateFile("tls.cert_file", "cert_file", tmp_path / "own.pem")
    crl = CertificateFile("tls.crl_file", "crl_file", authority.crl_file)
    own.path.write_bytes(over.cert_file.read_bytes())
    ProcessMetrics(registry, version="1", health=Health(), certificates=[own, crl])
    now = datetime.now(UTC).timestamp()
    name = "certificate_expiry_timestamp_seconds"
    assert read(registry, name, setting="tls.cert_file") < now
    assert read(registry, name, setting="tls.crl_file") > now
    own.path.write_bytes(good.cert_file.read_bytes())  # renewed, without a restart
    os.utime(own.path, ns=(1, 1))
    assert read(registry, name, setting="tls.cert_file") == good.certificate.not_valid_after_utc.timestamp()
    own.path.unlink()
    assert read(registry, name, setting="tls.cert_file") == 0


def test_of_several_the_first_own_and_the_last_authority_counts(tmp_path):
    authority = CertificateAuthority(tmp_path)
    good, over = authority.issue("good"), authority.issue("over", expired=True)
    both = tmp_path / "both.pem"
    both.write_bytes(good.cert_file.read_bytes() + over.cert_file.read_bytes())
    ends = {kind: CertificateFile("x", kind, both).expires_at() for kind in ("cert_file", "ca_file")}
    assert ends == {"cert_file": over.certificate.not_valid_after_utc, "ca_file": good.certificate.not_valid_after_utc}


def test_maintenance_counts_from_the_start_until_it_ended_well(registry):
    before = datetime.now(UTC).timestamp()
    metrics = UpkeepMetrics(registry)
    assert read(registry, "maintenance_last_success_timestamp_seconds") >= before
    metrics.failed()
    assert read(registry, "maintenance_failures_total") == 1
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    metrics.done(noon, 0.2, None)
    assert read(registry, "maintenance_last_success_timestamp_seconds") == noon.timestamp()
    assert read(registry, "rollups_fresh_timestamp_seconds") >= before
    metrics.done(noon, 0.2, noon)
    assert read(registry, "rollups_fresh_timestamp_seconds") == noon.timestamp()
    assert read(registry, "maintenance_seconds_count") == 2


def test_buckets_have_an_edge_at_every_promise():
    assert {0.015, 0.1, 0.25, 1.0, 30.0} <= set(LAG_BUCKETS)
    assert 0.25 in LOOP_BUCKETS
    assert {0.15, 1.0} <= set(SECONDS)
