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

-- name: kind_columns
SELECT version, columns FROM kind_version WHERE kind = %s ORDER BY version DESC LIMIT 1

-- name: record_kind
INSERT INTO kind_version (kind, version, columns) VALUES (%s, %s, %s)

-- name: restore_kind
INSERT INTO kind_version (kind, version, columns, applied_at) VALUES (%s, %s, %s, %s)

-- name: kind_versions
SELECT version, columns FROM kind_version WHERE kind = %s ORDER BY version

-- name: find_views
SELECT checksum FROM kind_views WHERE kind = %s

-- name: record_views
INSERT INTO kind_views (kind, checksum) VALUES (%s, %s)
ON CONFLICT (kind) DO UPDATE SET checksum = excluded.checksum

-- name: forget_views
DELETE FROM kind_views WHERE kind = %s

-- name: made_views
-- The views with this comment; one is made after those that it reads.
SELECT c.relname
FROM pg_class AS c
JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE c.relnamespace = 'stadtfunk'::regnamespace AND c.relkind = 'v' AND d.description = %s
ORDER BY c.oid DESC

-- name: create_btree_gist
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public
