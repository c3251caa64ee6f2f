-- Statements of storage/timescale.py; they run on TimescaleDB only, except the first three.

-- name: installed_version
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'

-- name: is_loadable
-- Available to CREATE EXTENSION and loaded by the server, without which it refuses to be created.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    AND current_setting('shared_preload_libraries') ~ 'timescaledb'

-- name: create_extension
CREATE EXTENSION IF NOT EXISTS timescaledb

-- name: is_hypertable
SELECT 1 FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'stadtfunk' AND hypertable_name = %s

-- name: create_hypertable
-- Without an index by time of its own: the tables bring the indexes that they need.
SELECT create_hypertable(%s::regclass, by_range(%s, %s::interval), create_default_indexes => false)

-- name: enable_columnstore
ALTER TABLE {table} SET (
    timescaledb.enable_columnstore, timescaledb.segmentby = {segment_by}, timescaledb.orderby = {order_by}
)
