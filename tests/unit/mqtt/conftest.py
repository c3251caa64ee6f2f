"""The parts of a subscription without a connection."""

from datetime import UTC, datetime

import pytest

from tests.unit.mqtt.parts import Parts


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def parts() -> Parts:
    """A state, its problems and its watch, with a clock that stands still."""
    return Parts(now=datetime(2026, 11, 24, 12, tzinfo=UTC))
