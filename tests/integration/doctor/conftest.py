"""The durable database of the doctor's tests, with a login for each way to be right or wrong."""

import asyncio

import psycopg
import pytest

from storage.migrate import migrate
from storage.settings import DatabaseSettings
from tests.support.postgres import private_server

LOGINS = {"city_login": ("ingest", "maintenance"), "owner_login": ("owner",), "stranger_login": ()}


@pytest.fixture(scope="session")
def server():
    """A durable server with this version's schema and a login for each way to be right or wrong."""
    with private_server() as server:
        asyncio.run(migrate(DatabaseSettings(dsn=server.dsn)))
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            for login, roles in LOGINS.items():
                connection.execute(f"CREATE ROLE {login} LOGIN NOINHERIT")
                for role in roles:
                    connection.execute(f"GRANT stadtfunk_{role} TO {login}")
        yield server
