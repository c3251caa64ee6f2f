"""What the facts about a database mean, and the statement or line that mends it."""

from datetime import datetime, timedelta

from psycopg.conninfo import conninfo_to_dict

from stadtfunk.doctor.findings import Finding, Findings, Subject, said
from stadtfunk.doctor.sizes import size
from stadtfunk.doctor.times import clock_of_database, clock_of_network_server
from storage.database import Role, conninfo
from storage.examination import DatabaseFacts
from storage.settings import DatabaseSettings

OLDEST_SERVER = 150000
RETENTION_LATE = timedelta(hours=26)
ROLLUPS_LATE = timedelta(hours=3)
FEW_CONNECTIONS = 30
SMALL_BUFFERS = 128 << 20
"""PostgreSQL's default, made for the smallest machines."""
SMALL_WAL = 1 << 30
LARGE_DATABASE = 2 << 30
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def judge(settings: DatabaseSettings, facts: DatabaseFacts, *, now: datetime) -> list[Finding]:
    """The findings that follow from the facts."""
    notes = Findings(Subject.DATABASE)
    _judge_version(notes, facts)
    _judge_network(notes, settings, facts)
    _judge_login(notes, settings, facts)
    _judge_schema(notes, facts)
    _judge_durability(notes, facts)
    _judge_sizes(notes, facts)
    _judge_sessions(notes, facts)
    _judge_privacy(notes, facts)
    _judge_timescale(notes, facts)
    _judge_maintenance(notes, facts, now)
    notes.found += clock_of_database(facts.ahead.total_seconds(), facts.took.total_seconds() / 2)
    if facts.lag_seconds is not None:
        notes.found += clock_of_network_server(facts.lag_seconds, about="")
    return notes.found


def _judge_version(notes: Findings, facts: DatabaseFacts) -> None:
    version = f"{facts.version // 10000}.{facts.version % 10000}"
    if facts.version < OLDEST_SERVER:
        notes.wrong(
            "version",
            said("PostgreSQL {version} is too old.", version=version),
            said("Upgrade the server to PostgreSQL 15 or newer."),
        )
    else:
        notes.well("version", said("PostgreSQL {version}, {size}.", version=version, size=size(facts.size)))


def _judge_network(notes: Findings, settings: DatabaseSettings, facts: DatabaseFacts) -> None:
    if settings.embedded or not facts.over_network:
        return
    parts = conninfo_to_dict(conninfo(settings))
    host, mode = str(parts.get("host") or ""), str(parts.get("sslmode") or "prefer")
    if facts.tls is None:
        if host not in _LOOPBACK:
            notes.warn(
                "tls",
                said("The connection to {host} is not encrypted.", host=host),
                said("Turn `ssl` on at the server, and set `database.sslmode: verify-full` with `sslrootcert`."),
            )
    elif mode != "verify-full":
        notes.warn(
            "tls",
            said(
                "{tls} with {host}, whose certificate nobody checks (sslmode {mode}).",
                tls=facts.tls,
                host=host,
                mode=mode,
            ),
            said("Set `database.sslmode: verify-full`, and `sslrootcert` to the CA's file."),
        )
    else:
        notes.well("tls", said("{tls} with {host}, certificate and name checked.", tls=facts.tls, host=host))


def _judge_login(notes: Findings, settings: DatabaseSettings, facts: DatabaseFacts) -> None:
    if settings.embedded:
        return
    mend = said("Use a login for each service: `stadtfunk deployment logins` makes them with what they need.")
    if facts.superuser:
        notes.warn("login", said("The login {login} is a superuser: it may do everything.", login=facts.login), mend)
    elif Role.OWNER in facts.takes:
        notes.warn("login", said("The login {login} owns the tables: it may drop them.", login=facts.login), mend)
    elif not settings.use_roles:
        notes.warn(
            "login",
            said("The login {login} works with its own rights (`use_roles: false`).", login=facts.login),
            said("Remove `use_roles: false` once the roles exist (`stadtfunk migrate`)."),
        )
    elif facts.takes:
        roles = ", ".join(sorted(role.removeprefix("stadtfunk_") for role in facts.takes))
        notes.well("login", said("The login {login} may be: {roles}.", login=facts.login, roles=roles))
    elif facts.roles:
        notes.wrong("login", said("The login {login} may take none of our roles.", login=facts.login), mend)


def _judge_schema(notes: Findings, facts: DatabaseFacts) -> None:
    schema = facts.schema
    if schema is None:
        notes.warn(
            "schema",
            said("The login {login} may not see which schema the database has.", login=facts.login),
            said("Run `stadtfunk migrate` with an administrator's login: it renews the rights."),
        )
    elif schema.pending:
        notes.wrong(
            "schema",
            said(
                "The database lacks {count} migrations, from {first} on.",
                count=len(schema.pending),
                first=schema.pending[0],
            ),
            said("Run `stadtfunk migrate` with an administrator's login."),
        )
    elif schema.unknown:
        notes.wrong(
            "schema",
            said("The database is newer than this program: {names}.", names=", ".join(schema.unknown)),
            said("Install the Stadtfunk that the database was migrated with, or a newer one."),
        )
    else:
        notes.well("schema", said("The schema is this version's."))
    if facts.invalid_indexes:
        names = ", ".join(facts.invalid_indexes)
        notes.wrong(
            "indexes",
            said("Indexes that are not used because their making failed: {names}.", names=names),
            said("As administrator: `REINDEX INDEX CONCURRENTLY {name};`", name=facts.invalid_indexes[0]),
        )


def _judge_durability(notes: Findings, facts: DatabaseFacts) -> None:
    off = [name for name in ("fsync", "full_page_writes") if facts.settings.get(name) == "off"]
    for name in off:
        notes.wrong(
            "durability",
            said("{name} is off: a power cut can destroy the database.", name=name),
            said("As administrator: `ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();`", name=name),
        )
    if facts.settings.get("synchronous_commit") == "off":
        notes.warn(
            "durability",
            said(
                "synchronous_commit is off by default; Stadtfunk turns it on, other programs may lose what they wrote."
            ),
            said("As administrator: `ALTER SYSTEM SET synchronous_commit = on; SELECT pg_reload_conf();`"),
        )
    elif not off:
        notes.well("durability", said("What is committed survives a power cut."))


def _judge_sizes(notes: Findings, facts: DatabaseFacts) -> None:
    for name, small, wanted in (("shared_buffers", SMALL_BUFFERS, "512MB"), ("max_wal_size", SMALL_WAL, "2GB")):
        value = facts.settings.get(name)
        if isinstance(value, int) and value <= small and facts.size > LARGE_DATABASE:
            notes.warn(
                name,
                said(
                    "{name} is {value}, little for a database of {size}.",
                    name=name,
                    value=size(value),
                    size=size(facts.size),
                ),
                said(
                    "As administrator: `ALTER SYSTEM SET {name} = '{wanted}';` and restart the server.",
                    name=name,
                    wanted=wanted,
                ),
            )


def _judge_sessions(notes: Findings, facts: DatabaseFacts) -> None:
    limit = facts.settings.get("max_connections")
    if limit is not None and (int(limit) < FEW_CONNECTIONS or facts.connections > int(limit) * 0.9):
        notes.warn(
            "connections",
            said("{used} of {limit} connections are in use.", used=facts.connections, limit=limit),
            said("As administrator: `ALTER SYSTEM SET max_connections = 100;` and restart the server."),
        )
    if facts.idle_in_transaction:
        notes.warn(
            "idle_in_transaction",
            said(
                "{count} sessions wait inside a transaction for more than 5 minutes and keep the database untidy.",
                count=facts.idle_in_transaction,
            ),
            said(
                "As administrator: `ALTER SYSTEM SET idle_in_transaction_session_timeout = '5min'; SELECT "
                "pg_reload_conf();`"
            ),
        )


def _judge_privacy(notes: Findings, facts: DatabaseFacts) -> None:
    if facts.settings.get("log_error_verbosity") not in (None, "terse"):
        notes.warn(
            "log",
            said("The server's log may show values of refused rows, which can be a household's."),
            said("As administrator: `ALTER SYSTEM SET log_error_verbosity = terse; SELECT pg_reload_conf();`"),
        )


def _judge_timescale(notes: Findings, facts: DatabaseFacts) -> None:
    schema = facts.schema
    if schema is None or not schema.timescale:
        if schema is not None and facts.timescale is None:
            notes.well("timescale", said("Plain PostgreSQL, without TimescaleDB."))
        return
    if facts.timescale is None:
        notes.wrong(
            "timescale",
            said("The database was made with TimescaleDB, which is missing now."),
            said("Install TimescaleDB again and put it into `shared_preload_libraries`."),
        )
        return
    if facts.failing_jobs:
        notes.wrong(
            "jobs",
            said("Background jobs of TimescaleDB fail: {jobs}.", jobs=", ".join(facts.failing_jobs)),
            said("`SELECT * FROM timescaledb_information.job_errors ORDER BY finish_time DESC LIMIT 5;` tells why."),
        )
    notes.well("timescale", said("TimescaleDB {version}.", version=facts.timescale))


def _judge_maintenance(notes: Findings, facts: DatabaseFacts, now: datetime) -> None:
    """Only where uplinks come: a database that is new or asleep has nothing to tidy up."""
    if not facts.maintenance_seen or not facts.uplinks:
        return
    mend = said("`stadtfunk run` (or `--only ingest`) does it every minute: look for `maintenance_failed` in its log.")
    late = Findings(Subject.DATABASE)
    if facts.retention_at is None or now - facts.retention_at > RETENTION_LATE:
        late.warn("maintenance", said("Data whose time is over are not deleted: retention is late."), mend)
    if facts.rollups_at is None or now - facts.rollups_at > ROLLUPS_LATE:
        late.warn("maintenance", said("Hourly and daily values are behind: rollups are late."), mend)
    if not late.found:
        late.well("maintenance", said("Rollups and retention are up to date."))
    notes.found += late.found
