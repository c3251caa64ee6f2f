-- What maintenance did, as proof: one row for each deletion that removed something.
CREATE TABLE retention_run (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    cutoff     timestamptz NOT NULL,
    deleted    bigint NOT NULL,
    ran_at     timestamptz NOT NULL
);

CREATE TABLE maintenance_task (
    name   text PRIMARY KEY,
    ran_at timestamptz NOT NULL
);

-- Small indexes by time for the deletion of old rows; insertion hardly notices them.
CREATE INDEX uplink_ns_time_idx ON uplink USING brin (ns_time) WITH (autosummarize = on);
CREATE INDEX device_event_occurred_at_idx ON device_event USING brin (occurred_at) WITH (autosummarize = on);
CREATE INDEX gateway_stats_occurred_at_idx ON gateway_stats USING brin (occurred_at) WITH (autosummarize = on);

-- Seconds per state, added up: {"true": 60} + {"true": 30, "false": 5} = {"true": 90, "false": 5}.
CREATE FUNCTION add_seconds(a jsonb, b jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT jsonb_object_agg(s.state, coalesce((a ->> s.state)::numeric, 0) + coalesce((b ->> s.state)::numeric, 0))
    FROM (SELECT jsonb_object_keys(a) UNION SELECT jsonb_object_keys(b)) AS s (state)
);

CREATE AGGREGATE sum_seconds(jsonb) (SFUNC = add_seconds, STYPE = jsonb, PARALLEL = SAFE, COMBINEFUNC = add_seconds);
