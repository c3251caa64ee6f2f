"""Row 39: certificates that are wrong, expired, revoked or missing are refused in both directions."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ingest.mqtt.tls import client_context
from ingest.settings import TlsSettings
from tests.faults.stage import Stage
from tests.support.certificates import CertificateAuthority, Identity
from tests.support.mosquitto import BrokerTls, Mosquitto
from tests.support.service import Service

pytestmark = pytest.mark.anyio

MakeStage = Callable[..., Stage]


class Certificates:
    """Who shows what: a CA that everybody trusts, one that nobody trusts, and what they have signed."""

    def __init__(self, folder: Path) -> None:
        self.ca = CertificateAuthority(folder / "ca")
        stranger = CertificateAuthority(folder / "stranger")
        self.server, self.client = self.ca.issue("server"), self.ca.issue("client")
        self.bad_servers = {"stranger": stranger.issue("server"), "expired": self.ca.issue("old-server", expired=True)}
        self.bad_clients: dict[str, Identity | None] = {
            "none": None,
            "stranger": stranger.issue("client"),
            "expired": self.ca.issue("old-client", expired=True),
        }
        self.bad_servers["revoked"], self.bad_clients["revoked"] = self.ca.issue("gone"), self.ca.issue("gone-client")
        self.ca.revoke(self.bad_servers["revoked"])
        self.ca.revoke(self.ca_client("revoked"))

    def ca_client(self, name: str) -> Identity:
        found = self.bad_clients[name]
        assert found is not None
        return found

    def broker(self, folder: Path, shown: Identity) -> Mosquitto:
        """A broker that shows `shown` and wants a certificate of the CA that is not revoked."""
        tls = BrokerTls(self.ca.ca_file, shown.cert_file, shown.key_file, True, self.ca.crl_file)
        return Mosquitto(folder, tls=tls, options={"log_type": "all"})

    def source(self, name: str, broker: Mosquitto, shown: Identity | None, transport: str) -> Mapping[str, object]:
        """A source that shows `shown` and trusts the CA."""
        ours = {} if shown is None else {"cert_file": str(shown.cert_file), "key_file": str(shown.key_file)}
        tls = {"ca_file": str(self.ca.ca_file), "crl_file": str(self.ca.crl_file), **ours}
        return {"name": name, "host": "127.0.0.1", "port": broker.port, "transport": transport, "tls": tls}


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "certificates")


@pytest.fixture
def bad_brokers(certificates: Certificates, tmp_path: Path) -> Iterator[dict[str, Mosquitto]]:
    """A running broker for each server certificate that must be refused."""
    brokers = {name: certificates.broker(tmp_path / name, shown) for name, shown in certificates.bad_servers.items()}
    for broker in brokers.values():
        broker.start()
    yield brokers
    for broker in brokers.values():
        broker.stop()


@pytest.mark.parametrize("transport", ["mqtt5", "paho"])
async def test_row_39_certificates(
    stage: MakeStage,
    certificates: Certificates,
    bad_brokers: Mapping[str, Mosquitto],
    tmp_path: Path,
    transport: str,
) -> None:
    """One service tries them all at once; the source with the right certificates works beside them."""
    files = TlsSettings(
        ca_file=certificates.ca.ca_file,
        cert_file=certificates.client.cert_file,
        key_file=certificates.client.key_file,
    )
    broker = certificates.broker(tmp_path / "good", certificates.server)
    right = certificates.source("city", broker, certificates.client, transport)
    on = stage(broker=broker, source=right, login={"tls": client_context(files)})
    bad = [
        certificates.source(f"client-{name}", broker, shown, transport)
        for name, shown in certificates.bad_clients.items()
    ]
    bad += [
        certificates.source(f"server-{name}", one, certificates.client, transport) for name, one in bad_brokers.items()
    ]
    async with on, Service(tmp_path / "refused", on.server.tcp_dsn(on.database), bad) as refused:
        for source in bad:
            detail = await refused.failing(f"broker:{source['name']}")
            async with asyncio.timeout(30):
                while "not connected yet" in detail:
                    await asyncio.sleep(0.1)
                    detail = await refused.failing(f"broker:{source['name']}")
            assert "TLS" in detail or "connection" in detail, detail
        metrics = await refused.metrics()
        assert metrics["source_connected"] == 0
        for one in bad_brokers.values():
            assert "New client connected" not in one.log()
        for name in certificates.bad_clients:
            assert f"as stadtfunk-client-{name} " not in broker.log()
        assert "as stadtfunk-city " in broker.log()
        await on.publish(on.traffic.take(50))
        await on.settle()
