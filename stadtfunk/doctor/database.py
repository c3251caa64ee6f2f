"""Looks at the database with the settings' own login, and judges what it sees."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
from psycopg.conninfo import conninfo_to_dict

from config.settings import Settings
from stadtfunk.doctor.database_judgement import judge
from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from storage.database import connect, conninfo, describe
from storage.embedded import EmbeddedError, EmbeddedPostgres
from storage.examination import DatabaseFacts, look
from storage.failures import Fatal, Retryable
from storage.settings import DatabaseSettings


async def check(settings: Settings) -> Sequence[Finding]:
    """Everything about the database."""
    database = settings.database
    with ExitStack() as server:
        if database.embedded:
            problem = await asyncio.to_thread(_start_embedded, database, server)
            if problem is not None:
                return problem
        facts = await _facts(database)
        return facts if isinstance(facts, list) else judge(database, facts, now=datetime.now(UTC))


def _start_embedded(database: DatabaseSettings, server: ExitStack) -> list[Finding] | None:
    """Run the embedded server while we look, unless the service runs it already; one that was never made stays so."""
    notes = Findings(Subject.DATABASE)
    embedded = EmbeddedPostgres(database.data_dir)
    if not embedded.cluster.exists():
        notes.warn(
            "reachable",
            said("There is no embedded database in {folder} yet.", folder=database.data_dir),
            said("`stadtfunk run` makes it; in production use a server of its own (`database.dsn`)."),
        )
        return notes.found
    try:
        server.enter_context(embedded)
    except EmbeddedError as error:
        notes.wrong(
            "reachable",
            said("The embedded database does not start: {error}.", error=error),
            said("The end of `server.log` in its folder tells why."),
        )
        return notes.found
    return None


async def _facts(database: DatabaseSettings) -> DatabaseFacts | list[Finding]:
    notes = Findings(Subject.DATABASE)
    try:
        connection = await connect(database, application_name="stadtfunk doctor")
    except (Retryable, Fatal) as error:
        notes.wrong(
            "reachable",
            said("{where}: {error}.", where=describe(database), error=error),
            said("Check `database.dsn` and password, the server's pg_hba.conf, and whether it runs."),
        )
        return notes.found
    try:
        async with connection:
            return await look(connection, use_roles=database.use_roles)
    except psycopg.Error as error:
        notes.wrong(
            "reachable",
            said("The database answered with an error: {error}.", error=type(error).__name__),
            said("Look into the server's log; Stadtfunk needs PostgreSQL 15 or newer."),
        )
        return notes.found


def tls_server(database: DatabaseSettings) -> tuple[str, int] | None:
    """Host and port of a server that is reached over the network; None for a socket."""
    if database.embedded:
        return None
    parts = conninfo_to_dict(conninfo(database))
    host = str(parts.get("host") or "").partition(",")[0]
    if not host or host.startswith(("/", "@")):
        return None
    return host, int(str(parts.get("port") or 5432).partition(",")[0])
