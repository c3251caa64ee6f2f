"""`city`: the same tests on plain PostgreSQL and on TimescaleDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.redecode.city import City
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
def city(migrated: Store, tmp_path: Path) -> Iterator[City]:
    """A city with an empty database and version 1 of its decoders."""
    made = City(migrated, tmp_path)
    made.decoders()
    yield made
    migrated.wipe()
