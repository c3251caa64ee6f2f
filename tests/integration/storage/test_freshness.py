"""How fresh rollups are, on both databases: from our own last refresh and, there, from TimescaleDB's jobs."""

from datetime import UTC, datetime

from storage.database import Role
from storage.freshness import rollups_fresh_at

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def test_freshness_follows_the_refresh_that_is_furthest_behind(store):
    assert store.run(rollups_fresh_at, role=Role.MAINTENANCE) == (NEVER if store.timescale else None)
    store.maintain(NOON)
    # This TimescaleDB has no workers of its own that would run jobs, so they stay those that never ran.
    assert store.run(rollups_fresh_at, role=Role.MAINTENANCE) == (NEVER if store.timescale else NOON)
