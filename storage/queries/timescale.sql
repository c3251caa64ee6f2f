-- Statements of storage/timescale.py; they run on TimescaleDB only, except the first four.

-- name: installed_version
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'

-- name: is_loadable
-- Available to CREATE EXTENSION and loaded by the server, without which it refuses to be created.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    AND current_setting('shared_preload_libraries') ~ 'timescaledb'

-- name: create_extension
CREATE EXTENSION IF NOT EXISTS timescaledb

-- name: in_use
SELECT timescale FROM installation

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

-- name: policies
-- One row for each policy on our tables, with the one span that we set. Only a continuous aggregate's name tells its
-- width, since both have the same procedure.
SELECT
    j.proc_name || CASE
        WHEN j.proc_name = 'policy_refresh_continuous_aggregate' AND j.hypertable_name ~ '_daily_parts' THEN ' of days'
        ELSE ''
    END,
    j.hypertable_name,
    coalesce(j.config ->> 'compress_after', j.config ->> 'drop_after', j.config ->> 'start_offset')::interval
FROM timescaledb_information.jobs AS j
WHERE j.hypertable_schema = 'stadtfunk'
    AND j.proc_name IN ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate')

-- name: add_compress
CALL add_columnstore_policy(%(relation)s::regclass, after => %(span)s::interval)

-- name: remove_compress
CALL remove_columnstore_policy(%(relation)s::regclass)

-- name: add_expire
SELECT add_retention_policy(%(relation)s::regclass, drop_after => %(span)s::interval)

-- name: remove_expire
SELECT remove_retention_policy(%(relation)s::regclass)

-- name: add_refresh_hourly
SELECT add_continuous_aggregate_policy(
    %(relation)s::regclass, start_offset => %(span)s::interval, end_offset => interval '1 hour',
    schedule_interval => interval '5 minutes'
)

-- name: remove_refresh_hourly
SELECT remove_continuous_aggregate_policy(%(relation)s::regclass)

-- name: add_refresh_daily
SELECT add_continuous_aggregate_policy(
    %(relation)s::regclass, start_offset => %(span)s::interval, end_offset => interval '1 day',
    schedule_interval => interval '1 hour'
)

-- name: remove_refresh_daily
SELECT remove_continuous_aggregate_policy(%(relation)s::regclass)
