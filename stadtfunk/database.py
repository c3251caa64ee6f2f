"""The database of a command: the embedded server is started for it, or shared with the service that runs it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.settings import DatabaseSettings


@contextmanager
def running(settings: DatabaseSettings) -> Iterator[None]:
    """The database can be connected to during the block; an embedded one has its tables, too.

    Raises:
        EmbeddedError: the embedded server does not start.
        MigrationRefused: its tables cannot be brought up to date.
    """
    if not settings.embedded:
        yield
        return
    with EmbeddedPostgres(settings.data_dir):
        asyncio.run(migrate(settings))
        yield
