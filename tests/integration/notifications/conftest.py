"""`desk`: the outbox of a fresh, migrated database."""

import pytest

from tests.integration.notifications.outbox_store import Desk


@pytest.fixture
def desk(database: str) -> Desk:
    return Desk(database)
