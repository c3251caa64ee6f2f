"""`street`: charging bays on plain PostgreSQL and on TimescaleDB, with alerts wiped in between."""

from collections.abc import Iterator

import pytest

from tests.integration.parking.street import Street
from tests.integration.storage.conftest import plain_store, timescale_store
from tests.support.postgres import PostgresServer
from tests.support.store import Store

TABLES = (
    "alert, alert_event, evse, evse_contact, parking_month, audit_log, silence, portal_action, bay_evse, parking_day,"
    " parking_touched"
)


@pytest.fixture(scope="module", params=["postgresql", "timescaledb"])
def migrated(request: pytest.FixtureRequest, postgres: PostgresServer, migrated_template: str) -> Iterator[Store]:
    make = timescale_store() if request.param == "timescaledb" else plain_store(postgres, migrated_template)
    with make as store:
        yield store


@pytest.fixture
def street(migrated: Store) -> Iterator[Street]:
    """No bay yet."""
    yield Street(migrated)
    migrated.wipe()
    migrated.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")


@pytest.fixture
def store(street: Street) -> Store:
    """The database of `street`."""
    return street.store
