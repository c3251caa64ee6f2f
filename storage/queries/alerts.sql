-- Statements of the alert engine: events, reconciliation, silences, escalation, intervals (alerts/*.py).

-- name: lock_alerts
-- Always in the order of ids, so that two who change the same alerts never wait for each other in a circle.
SELECT id FROM alert WHERE id = ANY (%s::bigint[]) ORDER BY id FOR UPDATE

-- name: heads
SELECT a.id, coalesce(e.position, 0), coalesce(e.hash, '')
FROM alert AS a
LEFT JOIN LATERAL (
    SELECT position, hash FROM alert_event WHERE alert_id = a.id ORDER BY position DESC LIMIT 1
) AS e ON true
WHERE a.id = ANY (%s::bigint[])

-- name: insert_events
INSERT INTO alert_event (
    alert_id, position, at, kind, actor, actor_salt, actor_commitment, reason, detail, previous_hash, hash
)
SELECT *
FROM unnest(
    %s::bigint[], %s::integer[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::jsonb[], %s::text[], %s::text[]
)
RETURNING id, alert_id, position, kind, at, hash

-- name: last_slots
-- The last message of each group to each channel; a summary that is not due yet takes more in.
SELECT DISTINCT ON (n.channel, n.body ->> 'group')
    n.channel, n.body ->> 'group', n.due_at,
    CASE WHEN n.kind = 'summary' AND n.state = 'pending' AND n.attempts = 0 AND n.due_at > %(now)s
        THEN n.idempotency_key ELSE '' END
FROM notification AS n
WHERE n.due_at > %(since)s AND n.body ? 'group' AND NOT n.body ? 'summary' AND n.state <> 'held'
ORDER BY n.channel, n.body ->> 'group', n.due_at DESC

-- name: extend_summary
UPDATE notification
SET body = body || jsonb_build_object(
    'entries', (body -> 'entries') || %(entries)s::jsonb, 'count', (body ->> 'count')::integer + %(count)s::integer
)
WHERE idempotency_key = %(key)s

-- name: insert_notifications
INSERT INTO notification (idempotency_key, alert_id, event_id, channel, kind, body, state, due_at)
SELECT *
FROM unnest(
    %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::timestamptz[]
)
ON CONFLICT (idempotency_key) DO NOTHING
