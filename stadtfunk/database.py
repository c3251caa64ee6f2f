"""The database of a command: the embedded server is started for it, or shared with the service that runs it."""

from collections.abc import Iterator
from contextlib import contextmanager

from storage.embedded import EmbeddedPostgres
from storage.settings import DatabaseSettings


@contextmanager
def running(settings: DatabaseSettings) -> Iterator[None]:
    """The database can be connected to during the block.

    Raises:
        EmbeddedError: the embedded server does not start.
    """
    if not settings.embedded:
        yield
        return
    with EmbeddedPostgres(settings.data_dir):
        yield
