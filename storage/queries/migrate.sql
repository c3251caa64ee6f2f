-- Statements of storage/migrate.py.

-- name: create_schema
-- Who may create in the database makes the schema; everything in it belongs to the owner role where there is one.
CREATE SCHEMA IF NOT EXISTS stadtfunk

-- name: own_schema
ALTER SCHEMA stadtfunk OWNER TO stadtfunk_owner

-- name: create_records
CREATE TABLE IF NOT EXISTS schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS installation (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    timescale text
);
COMMENT ON COLUMN installation.timescale IS
    'Version of TimescaleDB at the first migrate, NULL for plain PostgreSQL; decided once.';

-- name: applied_migrations
SELECT version, name, checksum FROM schema_migration ORDER BY version

-- name: record_migration
INSERT INTO schema_migration (version, name, checksum) VALUES (%s, %s, %s)

-- name: find_installation
SELECT timescale FROM installation

-- name: record_installation
INSERT INTO installation (timescale) VALUES (%s)

-- name: find_timescale
SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'timescaledb'

-- name: timescale_is_loadable
-- Available to CREATE EXTENSION and loaded by the server, without which it refuses to be created.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    AND current_setting('shared_preload_libraries') ~ 'timescaledb'

-- name: create_timescale
CREATE EXTENSION IF NOT EXISTS timescaledb

-- name: kind_columns
SELECT version, columns FROM kind_version WHERE kind = %s ORDER BY version DESC LIMIT 1

-- name: record_kind
INSERT INTO kind_version (kind, version, columns) VALUES (%s, %s, %s)
