"""`store`: the same tests on plain PostgreSQL and on TimescaleDB, with alerts wiped in between."""

from collections.abc import Iterator

import pytest

from tests.integration.alerts.engine_store import wipe
from tests.integration.storage.conftest import plain_store, timescale_store
from tests.support.postgres import PostgresServer
from tests.support.store import Store


@pytest.fixture(scope="module", params=["postgresql", "timescaledb"])
def migrated(request: pytest.FixtureRequest, postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    make = timescale_store() if request.param == "timescaledb" else plain_store(postgres, migrated_template)
    with make as store:
        yield store


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    yield migrated
    wipe(migrated)
    migrated.wipe()
