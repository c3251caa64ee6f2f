"""The doctor beside a running service, as an operator runs it: all is well, and then it is not."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from stadtfunk.deployment.state import prepare
from tests.support.mosquitto import BrokerTls
from tests.support.service import ENVIRONMENT, PROGRAM, Service

CANARY = "application/canary/device/canary/event/canary"
RIGHTS = ["user stadtfunk", "topic read application/+/device/+/event/+", "topic read $SYS/broker/#"]
OF_THIS_MACHINE = {("clock", "synchronised"), ("disk", "nearly_full"), ("disk", "reserved")}
"""What a test cannot choose."""


@pytest.fixture
def service(server, start_mosquitto, tmp_path):
    """An ingest with everything as the how-to says: TLS, a login of its own, secrets in files."""
    secrets = tmp_path / "secrets"
    prepare(secrets, hosts=["localhost"], now=datetime.now(UTC))
    tls = BrokerTls(secrets / "ca.pem", secrets / "mosquitto.pem", secrets / "mosquitto.key")
    password = (secrets / "mqtt-ingest").read_text().strip()
    broker = start_mosquitto(users={"stadtfunk": password}, acl=[*RIGHTS, f"topic write {CANARY}"], tls=tls)
    source = {
        "name": "city",
        "host": "localhost",
        "port": broker.port,
        "tls": {"ca_file": str(secrets / "ca.pem")},
        "username": "stadtfunk",
        "password_file": str(secrets / "mqtt-ingest"),
        "topics": ["application/+/device/+/event/+"],
    }
    dsn = f"host=127.0.0.1 port={server.port} dbname=stadtfunk user=city_login"
    return Service(tmp_path / "service", dsn, [source], only="ingest")


def doctor(service):
    """The exit code, and what is not well by subject and check."""
    done = subprocess.run(
        [*PROGRAM, "doctor", "-c", service.file, "--json"],
        env=ENVIRONMENT,
        cwd=service.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)["findings"]
    bad = {(one["subject"], one["check"]): one for one in found if one["level"] != "ok"}
    return done.returncode, {key: one for key, one in bad.items() if key not in OF_THIS_MACHINE}, found


async def test_all_is_well_and_each_fault_is_one_line(service, tmp_path):
    async with service:
        await service.ready()
        code, bad, found = doctor(service)
        assert (code, bad) == (0, {})
        assert {one["subject"] for one in found} >= {
            "configuration", "software", "service", "broker", "database", "spool", "disk", "files", "certificates"
        }  # fmt: skip
        assert (await service.metrics()).value("source_reconnects_total") == 0
        (tmp_path / "secrets" / "mqtt-ingest").chmod(0o644)
        code, bad, _ = doctor(service)
        assert (code, list(bad)) == (1, [("files", "modes")])
    (tmp_path / "secrets" / "mqtt-ingest").chmod(0o600)
    code, bad, _ = doctor(service)
    assert (code, list(bad)) == (0, [("service", "reachable")])  # a warning: perhaps it shall not run
