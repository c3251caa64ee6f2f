-- Statements of storage/redecode*.py. Words in braces are filled with identifiers and types that follow from the reading
-- kinds. Rows are named by binary arrays (%b), one array a column. `{bounds}` says the same again in constants, so that
-- TimescaleDB opens no other chunks and takes no other device out of compression.

-- name: devices
SELECT id, dev_eui, name, profile, application, tags FROM device
WHERE %(device)s::text IS NULL OR dev_eui = %(device)s
ORDER BY id

-- name: sources
SELECT id, name FROM source

-- name: density
-- How many raw payloads lie in which minute: the chunks of a run are cut by it.
SELECT date_bin('1 minute', p.ns_time, '2000-01-01 00:00:00+00') AS minute, count(*)
FROM (
    SELECT ns_time FROM payload_public
    WHERE ns_time >= %(low)s AND ns_time < %(high)s AND device_id = ANY (%(devices)b)
    UNION ALL
    SELECT ns_time FROM payload_household
    WHERE ns_time >= %(low)s AND ns_time < %(high)s AND device_id = ANY (%(devices)b)
) AS p
GROUP BY minute
ORDER BY minute

-- name: reach
-- How far from their uplinks' days readings lie: datalogs tell of days before.
SELECT date_trunc('day', uplink_ns_time, 'UTC') AS day, min(observed_at), max(observed_at)
FROM {table}
WHERE uplink_ns_time >= %(low)s AND uplink_ns_time < %(high)s AND device_id = ANY (%(devices)b)
GROUP BY day

-- name: raw_uplinks
-- What can be decoded: simulated (2), encrypted (4) and MAC-only (8) uplinks are left out.
SELECT
    u.device_id, u.ns_time, u.f_cnt, u.f_port, u.flags, u.event_time, u.received_at, u.source_id, u.dev_addr,
    u.data_rate, u.frequency, u.decoder_id, u.outcome, p.household, p.payload
FROM (
    SELECT device_id, ns_time, f_cnt, payload, false AS household FROM payload_public
    WHERE ns_time >= %(low)s AND ns_time < %(high)s AND device_id = ANY (%(devices)b)
    UNION ALL
    SELECT device_id, ns_time, f_cnt, payload, true FROM payload_household
    WHERE ns_time >= %(low)s AND ns_time < %(high)s AND device_id = ANY (%(devices)b)
) AS p
JOIN uplink AS u ON u.device_id = p.device_id AND u.ns_time = p.ns_time AND u.f_cnt = p.f_cnt
WHERE u.ns_time >= %(low)s AND u.ns_time < %(high)s AND u.device_id = ANY (%(devices)b) AND u.flags & 14 = 0
ORDER BY u.ns_time, u.device_id, u.f_cnt

-- name: nearest_of_ports
-- The same of each device's nearest uplink on these ports, on one side of a time.
SELECT DISTINCT ON (u.device_id, u.f_port)
    u.device_id, u.ns_time, u.f_cnt, u.f_port, u.flags, u.event_time, u.received_at, u.source_id, u.dev_addr,
    u.data_rate, u.frequency, u.decoder_id, u.outcome, p.household, p.payload
FROM uplink AS u
JOIN (
    SELECT device_id, ns_time, f_cnt, payload, false AS household FROM payload_public
    WHERE ns_time {side} %(at)s AND device_id = ANY (%(devices)b)
    UNION ALL
    SELECT device_id, ns_time, f_cnt, payload, true FROM payload_household
    WHERE ns_time {side} %(at)s AND device_id = ANY (%(devices)b)
) AS p ON u.device_id = p.device_id AND u.ns_time = p.ns_time AND u.f_cnt = p.f_cnt
WHERE u.ns_time {side} %(at)s AND u.device_id = ANY (%(devices)b) AND u.f_port = ANY (%(ports)s) AND u.flags & 14 = 0
ORDER BY u.device_id, u.f_port, u.ns_time {order}

-- name: stored_of_uplinks
SELECT {columns} FROM {table} AS t
WHERE t.observed_at >= %(first)s AND t.observed_at <= %(last)s
    AND t.uplink_ns_time >= %(low)s AND t.uplink_ns_time < %(high)s
    AND t.device_id = ANY (%(devices)b)

-- name: stored_of_keys
SELECT {columns} FROM {table} AS t
JOIN {keys} AS n ON {same_key}
WHERE {bounds}

-- name: keys
(
    SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(subject)b::text[]) AS subject,
        unnest(%(channel)b::smallint[]) AS channel, unnest(%(observed_at)b::timestamptz[]) AS observed_at
)

-- name: same_key
t.device_id = n.device_id AND t.subject = n.subject AND t.channel = n.channel AND t.observed_at = n.observed_at

-- name: bounds
t.device_id = ANY (%(devices)b) AND t.observed_at >= %(first)s AND t.observed_at <= %(last)s

-- name: archive
-- What a run met first is what was there before it: a second change of a reading in the same run is not archived.
INSERT INTO {archive} (run_id, kind, device_id, subject, channel, observed_at, before)
SELECT %(run)s, {kind}, t.device_id, t.subject, t.channel, t.observed_at, to_jsonb(t)
FROM {table} AS t
JOIN {keys} AS n ON {same_key}
WHERE {bounds}
ON CONFLICT DO NOTHING

-- name: remove
DELETE FROM {table} AS t USING {keys} AS n WHERE {same_key} AND {bounds}

-- name: change
UPDATE {table} AS t SET {assignments} FROM (SELECT {rows}) AS n WHERE {same_key} AND {bounds}

-- name: add
-- Another writer may have been quicker; what it stored is not ours to undo.
WITH added AS (
    INSERT INTO {table} ({names}) SELECT {rows} ON CONFLICT DO NOTHING
    RETURNING device_id, subject, channel, observed_at
)
INSERT INTO {archive} (run_id, kind, device_id, subject, channel, observed_at, before)
SELECT %(run)s, {kind}, a.device_id, a.subject, a.channel, a.observed_at, NULL FROM added AS a
ON CONFLICT DO NOTHING

-- name: archive_uplinks
INSERT INTO redecode_uplink (run_id, device_id, ns_time, f_cnt, decoder_id, outcome)
SELECT %(run)s, u.device_id, u.ns_time, u.f_cnt, u.decoder_id, u.outcome
FROM uplink AS u
JOIN (
    SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(ns_time)b::timestamptz[]) AS ns_time,
        unnest(%(f_cnt)b::bigint[]) AS f_cnt
) AS n ON u.device_id = n.device_id AND u.ns_time = n.ns_time AND u.f_cnt = n.f_cnt
WHERE u.device_id = ANY (%(devices)b) AND u.ns_time >= %(first)s AND u.ns_time <= %(last)s
ON CONFLICT DO NOTHING

-- name: change_uplinks
UPDATE uplink AS u SET outcome = n.outcome, decoder_id = n.decoder_id
FROM (
    SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(ns_time)b::timestamptz[]) AS ns_time,
        unnest(%(f_cnt)b::bigint[]) AS f_cnt, unnest(%(outcome)b::text[]) AS outcome,
        unnest(%(decoder_id)b::smallint[]) AS decoder_id
) AS n
WHERE u.device_id = n.device_id AND u.ns_time = n.ns_time AND u.f_cnt = n.f_cnt
    AND u.device_id = ANY (%(devices)b) AND u.ns_time >= %(first)s AND u.ns_time <= %(last)s

-- name: change_states
-- What people see as a device's outcome is its newest uplink's. Locked in the order in which the service locks them.
UPDATE device_state AS s SET outcome = newest.outcome
FROM (
    SELECT d.device_id, n.outcome
    FROM device_state AS d
    JOIN (
        SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(ns_time)b::timestamptz[]) AS ns_time,
            unnest(%(outcome)b::text[]) AS outcome
    ) AS n ON n.device_id = d.device_id AND n.ns_time = d.last_ns_time
    WHERE d.outcome <> n.outcome
    ORDER BY d.device_id
    FOR UPDATE OF d
) AS newest
WHERE s.device_id = newest.device_id

-- name: resolve_rejected
-- The message of an uplink was received when the uplink was.
WITH resolved AS (
    UPDATE rejected AS r SET resolved_at = now()
    FROM (
        SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(received_at)b::timestamptz[]) AS received_at
    ) AS n
    JOIN device AS d ON d.id = n.device_id
    WHERE r.received_at = n.received_at AND r.dev_eui = d.dev_eui AND r.resolved_at IS NULL
    RETURNING r.id
)
INSERT INTO redecode_rejected (run_id, rejected_id) SELECT %(run)s, id FROM resolved ON CONFLICT DO NOTHING

-- name: move_payloads
-- To the table of the privacy class that the decoder says, and with it to that class's retention.
WITH moved AS (
    DELETE FROM {source} AS p
    USING (
        SELECT unnest(%(device_id)b::integer[]) AS device_id, unnest(%(ns_time)b::timestamptz[]) AS ns_time,
            unnest(%(f_cnt)b::bigint[]) AS f_cnt
    ) AS n
    WHERE p.device_id = n.device_id AND p.ns_time = n.ns_time AND p.f_cnt = n.f_cnt
        AND p.device_id = ANY (%(devices)b) AND p.ns_time >= %(first)s AND p.ns_time <= %(last)s
    RETURNING p.device_id, p.ns_time, p.f_cnt, p.payload
)
INSERT INTO {target} (device_id, ns_time, f_cnt, payload) SELECT device_id, ns_time, f_cnt, payload FROM moved

-- name: create_run
INSERT INTO redecode_run (decoder, device, since, until, decoders, state)
VALUES (%(decoder)s, %(device)s, %(since)s, %(until)s, %(decoders)s, 'running')
RETURNING id

-- name: create_part
INSERT INTO redecode_part (run_id, part, parts, position) VALUES (%(run)s, %(part)s, %(parts)s, %(position)s)

-- name: runs
SELECT r.id, r.decoder, r.device, r.since, r.until, r.decoders, r.state, r.started_at, r.finished_at
FROM redecode_run AS r
WHERE %(run)s::integer IS NULL OR r.id = %(run)s
ORDER BY r.id DESC
LIMIT %(limit)s

-- name: unfinished_run
SELECT r.id, r.decoder, r.device, r.since, r.until, r.decoders, r.state, r.started_at, r.finished_at
FROM redecode_run AS r
WHERE r.state IN ('running', 'undoing')

-- name: later_run
SELECT min(id) FROM redecode_run WHERE id > %(run)s AND state <> 'undone'

-- name: parts
SELECT run_id, part, parts, position, counts FROM redecode_part WHERE run_id = ANY (%(runs)s) ORDER BY run_id, part

-- name: advance
UPDATE redecode_part SET position = %(position)s, counts = %(counts)s
WHERE run_id = %(run)s AND part = %(part)s AND position = %(expected)s

-- name: set_state
UPDATE redecode_run SET state = %(state)s, finished_at = CASE WHEN %(finished)s THEN now() END WHERE id = %(run)s

-- name: archived_hours
SELECT DISTINCT kind, date_trunc('hour', observed_at, 'UTC') AS hour FROM (
    SELECT kind, observed_at FROM redecode_public WHERE run_id = %(run)s
    UNION ALL
    SELECT kind, observed_at FROM redecode_household WHERE run_id = %(run)s
) AS a
ORDER BY kind, hour

-- name: archived_counts
SELECT
    (SELECT count(*) FROM redecode_public WHERE run_id = %(run)s)
    + (SELECT count(*) FROM redecode_household WHERE run_id = %(run)s),
    (SELECT count(*) FROM redecode_uplink WHERE run_id = %(run)s)

-- name: undo_batch
SELECT id, device_id, observed_at FROM {archive} WHERE run_id = %(run)s AND kind = %(kind)s
ORDER BY observed_at, id
LIMIT %(limit)s

-- name: undo_remove
DELETE FROM {table} AS t USING {archive} AS n WHERE n.id = ANY (%(ids)s) AND {same_key} AND {bounds}

-- name: undo_restore
INSERT INTO {table} SELECT r.* FROM {archive} AS n, jsonb_populate_record(NULL::{table}, n.before) AS r
WHERE n.id = ANY (%(ids)s) AND n.before IS NOT NULL

-- name: undo_done
DELETE FROM {archive} WHERE id = ANY (%(ids)s)

-- name: undo_uplink_batch
SELECT id, device_id, ns_time FROM redecode_uplink WHERE run_id = %(run)s ORDER BY id LIMIT %(limit)s

-- name: undo_uplinks
UPDATE uplink AS u SET outcome = n.outcome, decoder_id = n.decoder_id
FROM redecode_uplink AS n
WHERE n.id = ANY (%(ids)s) AND u.device_id = n.device_id AND u.ns_time = n.ns_time AND u.f_cnt = n.f_cnt
    AND u.device_id = ANY (%(devices)b) AND u.ns_time >= %(first)s AND u.ns_time <= %(last)s

-- name: undo_states
UPDATE device_state AS s SET outcome = newest.outcome
FROM (
    SELECT d.device_id, n.outcome
    FROM device_state AS d
    JOIN redecode_uplink AS n ON n.device_id = d.device_id AND n.ns_time = d.last_ns_time
    WHERE n.id = ANY (%(ids)s) AND d.outcome <> n.outcome
    ORDER BY d.device_id
    FOR UPDATE OF d
) AS newest
WHERE s.device_id = newest.device_id

-- name: undo_uplinks_done
DELETE FROM redecode_uplink WHERE id = ANY (%(ids)s)

-- name: undo_rejected
WITH resolved AS (DELETE FROM redecode_rejected WHERE run_id = %(run)s RETURNING rejected_id)
UPDATE rejected SET resolved_at = NULL WHERE id IN (SELECT rejected_id FROM resolved)
