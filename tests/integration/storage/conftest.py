"""`store`: the same tests on plain PostgreSQL and on TimescaleDB; `stores`: both at once, for comparison."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from storage.settings import DatabaseSettings
from tests.support.postgres import PostgresServer, fresh_database
from tests.support.store import Store
from tests.support.timescale import migrated_timescale


@contextmanager
def plain_store(postgres: PostgresServer, template: str) -> Iterator[Store]:
    with fresh_database(postgres, template) as dsn:
        yield Store(DatabaseSettings(dsn=dsn), timescale=False)


@contextmanager
def timescale_store() -> Iterator[Store]:
    with migrated_timescale() as dsn:
        yield Store(DatabaseSettings(dsn=dsn), timescale=True)


@pytest.fixture(scope="module", params=["postgresql", "timescaledb"])
def migrated(request: pytest.FixtureRequest, postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    """A database for the tests of one module."""
    make = timescale_store() if request.param == "timescaledb" else plain_store(postgres, migrated_template)
    with make as store:
        yield store


@pytest.fixture
def store(migrated: Store) -> Iterator[Store]:
    """The module's database, empty."""
    yield migrated
    migrated.wipe()


@pytest.fixture(scope="module")
def stores(postgres: PostgresServer, migrated_template: str) -> Iterator[tuple[Store, Store]]:
    """Plain PostgreSQL and TimescaleDB beside each other, to be filled with the same data."""
    with plain_store(postgres, migrated_template) as plain, timescale_store() as timescale:
        yield plain, timescale
