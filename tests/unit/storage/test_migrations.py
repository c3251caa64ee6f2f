"""The migration files and the named SQL, without a database."""

from importlib.resources import files

import pytest

from storage.migrate import migrations
from storage.statements import load

QUERY_FILES = sorted(file.name.removesuffix(".sql") for file in files("storage").joinpath("queries").iterdir())


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_every_migration_says_what_it_is_for() -> None:
    assert [migration.name for migration in migrations() if not migration.sql.startswith("--")] == []


@pytest.mark.parametrize("name", QUERY_FILES)
def test_every_query_file_loads_with_names_of_its_own(name: str) -> None:
    queries = load(name)
    assert queries
    assert all(queries.values())
    assert not any("-- include:" in statement or "-- part:" in statement for statement in queries.values())
