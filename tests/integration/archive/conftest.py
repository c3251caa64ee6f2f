"""`city`: a filled plain database that tests only read; `archive`: what was exported from it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.archive.export import export_archive
from storage.settings import DatabaseSettings
from tests.integration.archive.city import fill
from tests.support.postgres import PostgresServer, fresh_database
from tests.support.store import Store


@pytest.fixture(scope="package")
def city(postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    with fresh_database(postgres, migrated_template) as dsn:
        store = Store(DatabaseSettings(dsn=dsn), timescale=False)
        fill(store)
        yield store


@pytest.fixture(scope="package")
def archive(city: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "city.zip"
    asyncio.run(export_archive(city.settings, path))
    return path


@pytest.fixture
def target(empty_database: str) -> Store:
    """A database without tables."""
    return Store(DatabaseSettings(dsn=empty_database), timescale=False)
