"""Each contract test runs on every flavour of transport."""

import pytest

from tests.integration.mqtt.harness import FLAVOURS, Flavour


@pytest.fixture(params=FLAVOURS.values(), ids=FLAVOURS.keys())
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """mqtt5, and paho with both protocols."""
    found: Flavour = request.param
    return found


@pytest.fixture(params=[FLAVOURS["mqtt5"], FLAVOURS["paho-5"]], ids=["mqtt5", "paho-5"])
def five(request: pytest.FixtureRequest) -> Flavour:
    """The flavours that speak MQTT 5: the others say in their capabilities that they cannot."""
    found: Flavour = request.param
    return found


@pytest.fixture(params=[FLAVOURS["mqtt5"], FLAVOURS["paho-3.1.1"]], ids=["mqtt5", "paho-3.1.1"])
def transport(request: pytest.FixtureRequest) -> Flavour:
    """One flavour per transport, where the protocol makes no difference."""
    found: Flavour = request.param
    return found


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"
