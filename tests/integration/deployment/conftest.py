"""One set of secrets, and the shipped Mosquitto on it."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stadtfunk.deployment.state import prepare
from tests.integration.deployment.shipped import ShippedBroker
from tests.unit.deployment.test_secrets import GATEWAY


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets of a deployment on this machine."""
    folder = tmp_path_factory.mktemp("deployment") / "state"
    prepare(folder, hosts=["localhost"], now=datetime.now(UTC), gateways=[GATEWAY])
    return folder


@pytest.fixture(scope="session")
def trust(state: Path) -> ssl.SSLContext:
    """TLS as a client outside does it: the deployment's CA, and the name must fit."""
    return ssl.create_default_context(cafile=state / "ca.pem")


@pytest.fixture(scope="module")
def broker(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedBroker]:
    """Debian's Mosquitto with the shipped configuration, ACL, users and certificate."""
    with ShippedBroker(tmp_path_factory.mktemp("mosquitto"), state) as running:
        yield running
