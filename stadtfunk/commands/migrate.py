"""`stadtfunk migrate`: bring the database to this version's schema."""

import asyncio
from contextlib import nullcontext

from stadtfunk.commands.options import ConfigOption, console, examples, load
from stadtfunk.commands.outcome import reported
from stadtfunk.messages import text

EPILOG = examples("stadtfunk migrate", "STADTFUNK_DATABASE__DSN=postgresql://owner@db/stadtfunk stadtfunk migrate")


def migrate(config: ConfigOption = None) -> None:
    """Create or update the tables; harmless when they are up to date. Needs the owner's rights."""
    with reported():
        from storage.embedded import EmbeddedPostgres
        from storage.migrate import migrate as bring_up_to_date

        settings = load(config)
        with EmbeddedPostgres(settings.database.data_dir) if settings.database.embedded else nullcontext():
            done = asyncio.run(bring_up_to_date(settings.database, settings.retention))
    out = console()
    for name in done.migrations:
        out.print(text("Applied migration {name}.", name=name))
    for kind in done.kinds:
        out.print(text("Created or extended the table of {kind}.", kind=kind))
    kind_of_database = f"TimescaleDB {done.timescale}" if done.timescale else "PostgreSQL"
    out.print(text("The database is up to date ({database}).", database=kind_of_database))
