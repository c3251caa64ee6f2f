"""`street`: charging bays of a small city on plain PostgreSQL and on TimescaleDB."""

from collections.abc import Iterator

import pytest

from tests.integration.parking.street import Street
from tests.integration.storage.conftest import plain_store, timescale_store
from tests.support.postgres import PostgresServer
from tests.support.store import Store


@pytest.fixture(scope="module", params=["postgresql", "timescaledb"])
def migrated(request: pytest.FixtureRequest, postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    """A database for the tests of one module."""
    make = timescale_store() if request.param == "timescaledb" else plain_store(postgres, migrated_template)
    with make as store:
        yield store


@pytest.fixture
def street(migrated: Store) -> Iterator[Street]:
    """No bay yet."""
    yield Street(migrated)
    migrated.wipe()
    migrated.execute("TRUNCATE stadtfunk.alert, stadtfunk.evse, stadtfunk.evse_contact RESTART IDENTITY CASCADE")
