-- Statements of storage/examination.py: all of them look, none changes anything.

-- name: server
-- `reset_val`: what the server or the login sets, not what we have just set for this session.
SELECT current_setting('server_version_num')::integer,
    clock_timestamp(),
    session_user,
    (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),
    (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
    inet_client_addr() IS NOT NULL,
    pg_database_size(current_database()),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    (
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state LIKE 'idle in transaction%%'
            AND state_change < now() - interval '5 minutes'
    )

-- name: settings
SELECT name, reset_val, coalesce(unit, '') FROM pg_settings WHERE name = ANY(%s)

-- name: roles
-- The roles of Stadtfunk that there are, and whether this login may take them.
SELECT rolname, pg_has_role(session_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = ANY(%s)

-- name: has_schema
-- By the catalogue, which everybody may read; a login without any right to the schema may not even name its tables.
SELECT EXISTS (
    SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'stadtfunk' AND c.relname = 'schema_migration'
)

-- name: invalid_indexes
SELECT i.indexrelid::regclass::text
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = 'stadtfunk'
ORDER BY 1

-- name: uplinks
-- Whether there are any, and the smallest distance of our receipt from the network server's time among the newest.
SELECT count(*), extract(epoch FROM min(u.received_at - u.ns_time))::float8
FROM (SELECT received_at, ns_time FROM uplink WHERE ns_time > now() - interval '1 day' LIMIT 1000) AS u

-- name: retention_ran_at
SELECT max(ran_at) FROM maintenance_task WHERE name = 'retention'

-- name: failing_jobs
-- Background jobs of TimescaleDB on our tables whose last run failed.
SELECT j.proc_name || ' on ' || coalesce(j.hypertable_name, '-')
FROM timescaledb_information.jobs AS j
JOIN timescaledb_information.job_stats AS s USING (job_id)
WHERE j.hypertable_schema = 'stadtfunk' AND s.last_run_status = 'Failed'
ORDER BY 1
