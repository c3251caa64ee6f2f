-- Statements of storage/archive/.

-- name: plain_output
-- Text that every version reads back to the same value.
SELECT set_config(name, value, true) FROM (VALUES
    ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'), ('timezone', 'UTC'), ('extra_float_digits', '1'),
    ('bytea_output', 'hex')
) AS s (name, value)

-- name: no_limits
-- An archive takes as long as its tables are big.
SELECT set_config('statement_timeout', '0', false), set_config('idle_in_transaction_session_timeout', '0', false)

-- name: snapshot
SELECT now(), current_setting('server_version')

-- name: is_installed
SELECT to_regclass('stadtfunk.schema_migration') IS NOT NULL

-- name: is_void
-- No relation of ours: nobody has migrated this database.
SELECT NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('stadtfunk')::oid)

-- name: migrations
SELECT version, name, checksum FROM schema_migration ORDER BY version

-- name: kinds
SELECT kind, version, columns, applied_at FROM kind_version ORDER BY kind, version

-- name: tables
-- Every table with the columns that can be written, by name and type.
SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum),
    array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = 'stadtfunk'::regnamespace AND c.relkind IN ('r', 'p')
GROUP BY c.relname
ORDER BY c.relname

-- name: references
-- Which table needs which other one to be filled before.
SELECT DISTINCT t.relname, r.relname
FROM pg_constraint AS c
JOIN pg_class AS t ON t.oid = c.conrelid
JOIN pg_class AS r ON r.oid = c.confrelid
WHERE c.contype = 'f' AND t.relnamespace = 'stadtfunk'::regnamespace AND r.relnamespace = 'stadtfunk'::regnamespace
    AND t.oid <> r.oid

-- name: sequences
-- Read after the snapshot began, so no number in it is beyond.
SELECT sequencename::text, last_value
FROM pg_sequences
WHERE schemaname = 'stadtfunk' AND last_value IS NOT NULL
ORDER BY sequencename

-- name: set_sequence
SELECT setval(format('stadtfunk.%%I', %(name)s::text)::regclass, %(value)s)

-- name: triggers
-- Our own triggers, which tell about changes; what comes from an archive was told when it happened.
SELECT c.relname, t.tgname
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
    AND c.relnamespace = 'stadtfunk'::regnamespace AND p.pronamespace = 'stadtfunk'::regnamespace
ORDER BY c.relname, t.tgname

-- name: materialized
-- On TimescaleDB: the tables below continuous aggregates.
SELECT view_name::text, materialization_hypertable_schema::text, materialization_hypertable_name::text
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'stadtfunk'

-- name: materialized_columns
SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
FROM pg_attribute AS a
WHERE a.attrelid = format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass AND a.attnum > 0
    AND NOT a.attisdropped

-- name: meters
SELECT id FROM asset WHERE kind = 'meter'

-- name: metering_devices
SELECT device_id FROM asset_device WHERE asset_id = ANY(%(meters)s)

-- name: alerts_of
-- Cases about these devices or meters.
SELECT l.id FROM alert AS l
WHERE l.asset_id = ANY(%(meters)s) OR EXISTS (
    SELECT FROM device AS d
    WHERE d.id = ANY(%(devices)s) AND l.subject_kind = 'device' AND split_part(l.subject, '/', 1) = d.dev_eui
)

-- name: chains
SELECT a.number, e.position, e.at, e.kind, e.actor_commitment, e.reason, e.detail, e.previous_hash, e.hash
FROM alert_event AS e
JOIN alert AS a ON a.id = e.alert_id
ORDER BY e.alert_id, e.position

-- name: span_to_refresh
-- From the oldest reading on, since what is older cannot be computed again; none where that is less than a bucket.
SELECT s.low, s.high FROM (SELECT min(observed_at) AS low, {end} AS high FROM {table}) AS s
WHERE s.high > '-infinity' AND s.high - s.low >= {least}::interval

-- name: refresh_aggregate
CALL refresh_continuous_aggregate(%s::regclass, %s::timestamptz, %s::timestamptz)
