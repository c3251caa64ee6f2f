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
-- The last message of each group to each channel around each of the times; a summary that is not due yet takes more in.
SELECT DISTINCT ON (d.due_at, n.channel, n.body ->> 'group')
    n.channel, n.body ->> 'group', d.due_at, n.due_at,
    CASE WHEN n.kind = 'summary' AND n.state = 'pending' AND n.attempts = 0 AND n.due_at > %(now)s
        THEN n.idempotency_key ELSE '' END
FROM unnest(%(due_at)s::timestamptz[]) AS d (due_at)
JOIN notification AS n ON n.due_at > d.due_at - %(window)s AND n.due_at <= d.due_at + %(window)s
WHERE n.body ? 'group' AND NOT n.body ? 'summary' AND n.state <> 'held'
ORDER BY d.due_at, n.channel, n.body ->> 'group', n.due_at DESC

-- name: lock_summaries
-- Those of the summaries that nobody has begun to send, kept from being sent until the end of the transaction.
SELECT idempotency_key FROM notification
WHERE idempotency_key = ANY (%s::text[]) AND state = 'pending' AND attempts = 0
ORDER BY idempotency_key
FOR UPDATE

-- name: extend_summary
-- Of many it names the first ones and counts the others.
UPDATE notification
SET body = body || jsonb_build_object(
    'entries', CASE WHEN jsonb_array_length(body -> 'entries') < %(most)s
        THEN (body -> 'entries') || %(entries)s::jsonb ELSE body -> 'entries' END,
    'count', (body ->> 'count')::integer + %(count)s::integer
)
WHERE idempotency_key = %(key)s

-- name: insert_notifications
INSERT INTO notification (idempotency_key, alert_id, event_id, channel, kind, body, state, due_at)
SELECT *
FROM unnest(
    %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::timestamptz[]
)
ON CONFLICT (idempotency_key) DO NOTHING

-- name: known_alerts
-- Open alerts of the rule, those that the findings name, and what people closed that a finding may be under a new name.
SELECT a.id, a.number, a.subject, a.occurrence, a.state, a.outcome, a.reason, a.code, a.codes, a.severity, a.confidence,
    a.badges, a.notifiable, a.backfilled, a.since, a.opened_at, a.closed_at, a.content_digest
FROM alert AS a
WHERE a.rule = %(rule)s AND a.closed_at IS NULL
UNION ALL
SELECT a.id, a.number, a.subject, a.occurrence, a.state, a.outcome, a.reason, a.code, a.codes, a.severity, a.confidence,
    a.badges, a.notifiable, a.backfilled, a.since, a.opened_at, a.closed_at, a.content_digest
FROM unnest(%(subjects)s::text[], %(occurrences)s::text[]) AS f (subject, occurrence)
JOIN alert AS a ON a.rule = %(rule)s AND a.subject = f.subject AND a.occurrence = f.occurrence
WHERE a.closed_at IS NOT NULL
UNION
SELECT a.id, a.number, a.subject, a.occurrence, a.state, a.outcome, a.reason, a.code, a.codes, a.severity, a.confidence,
    a.badges, a.notifiable, a.backfilled, a.since, a.opened_at, a.closed_at, a.content_digest
FROM alert AS a
WHERE a.rule = %(rule)s AND a.outcome <> '' AND a.subject = ANY (%(subjects)s::text[]) AND a.since >= %(oldest)s

-- name: insert_alerts
-- Numbers are unique for ever; the year in them is that of the city's clock.
INSERT INTO alert (
    number, rule, rule_version, subject, subject_kind, asset_id, occurrence, group_key, district, code, codes, severity,
    confidence, priority, state, badges, reason, backfilled, notifiable, since, due_at, opened_at, updated_at, closed_at,
    facts, evidence, content_digest
)
SELECT
    f.number, f.rule, f.rule_version, f.subject, f.subject_kind, b.id, f.occurrence, f.group_key,
    coalesce(b.district, ''), f.code, f.codes, f.severity, f.confidence, f.priority, f.state, f.badges, f.reason,
    f.backfilled, f.notifiable, f.since, f.due_at, f.opened_at, f.updated_at, f.closed_at, f.facts, f.evidence,
    f.content_digest
FROM (
    SELECT r.*, %s::text AS rule, %s::timestamptz AS updated_at,
        to_char(%s::timestamptz AT TIME ZONE 'Europe/Berlin', 'YYYY') || '-' || lpad(n.next, greatest(6, length(n.next)), '0')
            AS number
    FROM jsonb_to_recordset(%s) AS r (
        rule_version text, subject text, subject_kind text, occurrence text, group_key text, code text, codes text[],
        severity text, confidence smallint, priority real, state text, badges text[], reason text, backfilled boolean,
        notifiable boolean, since timestamptz, due_at timestamptz, opened_at timestamptz, closed_at timestamptz,
        facts jsonb, evidence jsonb, content_digest text
    )
    CROSS JOIN LATERAL (SELECT nextval('alert_number')::text AS next WHERE r.subject IS NOT NULL) AS n
) AS f
LEFT JOIN LATERAL (
    SELECT a.id, a.district
    FROM asset AS a
    WHERE a.key = f.subject
        AND a.kind = CASE f.subject_kind
            WHEN 'bay' THEN 'bay' WHEN 'station' THEN 'charging_station' WHEN 'gateway' THEN 'gateway'
            WHEN 'asset' THEN a.kind END
    UNION ALL
    SELECT a.id, a.district
    FROM device AS d
    JOIN asset_device AS l ON l.device_id = d.id AND f.since >= l.valid_from AND f.since < l.valid_to
        AND (l.channel IS NULL OR l.channel::text = coalesce(nullif(split_part(f.subject, '/', 2), ''), '0'))
    JOIN asset AS a ON a.id = l.asset_id
    WHERE f.subject_kind = 'device' AND d.dev_eui = split_part(f.subject, '/', 1)
    LIMIT 1
) AS b ON true
ON CONFLICT DO NOTHING
RETURNING id, subject, occurrence

-- name: update_alerts
UPDATE alert AS a
SET rule_version = f.rule_version, occurrence = f.occurrence, group_key = f.group_key, code = f.code, codes = f.codes,
    severity = f.severity, confidence = f.confidence, priority = f.priority, badges = f.badges,
    notifiable = f.notifiable, since = f.since, due_at = f.due_at, facts = f.facts, evidence = f.evidence,
    content_digest = f.content_digest, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s) AS f (
    id bigint, rule_version text, occurrence text, group_key text, code text, codes text[], severity text,
    confidence smallint, priority real, badges text[], notifiable boolean, since timestamptz, due_at timestamptz,
    facts jsonb, evidence jsonb, content_digest text
)
WHERE a.id = f.id AND a.outcome = ''
RETURNING a.id

-- name: end_alerts
UPDATE alert AS a
SET state = f.state, reason = f.reason, closed_at = f.at, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s) AS f (id bigint, state text, reason text, at timestamptz)
WHERE a.id = f.id AND a.closed_at IS NULL
RETURNING a.id

-- name: correct_alerts
UPDATE alert AS a
SET state = f.state, reason = f.reason, closed_at = f.at, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s) AS f (id bigint, state text, reason text, at timestamptz)
WHERE a.id = f.id AND a.closed_at IS NOT NULL AND a.outcome = ''
RETURNING a.id

-- name: disprove_alerts
-- A case that was over stays over since then; who looks for what happened of late does not find it.
UPDATE alert AS a
SET state = 'withdrawn', reason = f.reason
FROM jsonb_to_recordset(%(rows)s) AS f (id bigint, reason text, content text)
WHERE a.id = f.id AND a.state = 'resolved' AND a.outcome = '' AND a.content_digest = f.content
RETURNING a.id

-- name: reopen_alerts
UPDATE alert AS a
SET state = 'open', reason = '', closed_at = NULL, updated_at = %(now)s
FROM jsonb_to_recordset(%(rows)s) AS f (id bigint)
WHERE a.id = f.id AND a.closed_at IS NOT NULL AND a.outcome = ''
RETURNING a.id

-- name: cancel_waiting
-- What waited for the end of a silence or of a storm's minute need not be said any more.
DELETE FROM notification
WHERE alert_id = ANY (%(ids)s::bigint[]) AND state = 'pending' AND attempts = 0 AND due_at > %(now)s

-- name: describe_alerts
SELECT
    a.id, a.number, a.rule, a.rule_version, a.subject, a.subject_kind, a.district, coalesce(s.key, ''),
    coalesce(s.name, ''), a.group_key, a.severity, a.code, a.confidence, a.state, a.notifiable, a.backfilled, a.since,
    a.due_at, a.opened_at, a.closed_at, a.reason, a.facts, t.told
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(c.channel, jsonb_build_array(c.last_at, c.held)) AS told
    FROM (
        SELECT n.channel, max(n.due_at) AS last_at, bool_and(n.state = 'held') AS held
        FROM notification AS n
        WHERE n.alert_id = a.id AND n.state <> 'dead'
        GROUP BY n.channel
    ) AS c
) AS t ON true
WHERE a.id = ANY (%s::bigint[])

-- name: insert_silence
INSERT INTO silence (rule, subject, starts_at, ends_at, comment, created_by) VALUES (%s, %s, %s, %s, %s, %s)
RETURNING id

-- name: unended_silences
SELECT id, rule, subject, starts_at, ends_at, comment, created_by
FROM silence
WHERE ends_at > %s
ORDER BY starts_at, id

-- name: end_silence
UPDATE silence
SET ends_at = greatest(%(now)s, starts_at + interval '1 microsecond')
WHERE id = %(id)s AND ends_at > %(now)s

-- name: unacknowledged
-- Open alerts that nobody acknowledged: when they were escalated, and when people were told last.
SELECT a.id, a.rule, a.opened_at, e.escalated_at, greatest(e.renotified_at, n.told_at)
FROM alert AS a
LEFT JOIN LATERAL (
    SELECT max(v.at) FILTER (WHERE v.kind = 'escalated') AS escalated_at,
        max(v.at) FILTER (WHERE v.kind = 'renotified') AS renotified_at
    FROM alert_event AS v
    WHERE v.alert_id = a.id
) AS e ON true
LEFT JOIN LATERAL (
    SELECT max(m.due_at) AS told_at FROM notification AS m WHERE m.alert_id = a.id AND m.state IN ('pending', 'sent')
) AS n ON true
WHERE a.closed_at IS NULL AND a.state = 'open' AND a.notifiable AND NOT a.backfilled AND a.rule = ANY (%s::text[])

-- name: last_device
SELECT max(id) FROM device

-- name: learn_intervals
-- The latest uplinks of each device; bursts (a payload in parts) are one message. The interval is the time within which
-- all but a small share of its messages follow each other, losses included: as it was, and at least as it would be if
-- its frames were sent evenly and lost by chance as often as their counters say. Steps of counters that were reset do
-- not count. What has a high share of losses in few messages is so not taken for a device that is slow and sure.
INSERT INTO device_interval (device_id, seconds, samples, updated_at)
SELECT g.device_id,
    greatest(
        percentile_cont(%(quantile)s) WITHIN GROUP (ORDER BY g.gap),
        sum(g.gap) FILTER (WHERE g.step BETWEEN 1 AND 1000) / sum(g.step) FILTER (WHERE g.step BETWEEN 1 AND 1000)
            * greatest(1.0, ln(1 - %(quantile)s::double precision) / ln(
                1 - (count(*) FILTER (WHERE g.step BETWEEN 1 AND 1000) + 0.5::double precision)
                    / (sum(g.step) FILTER (WHERE g.step BETWEEN 1 AND 1000) + 1)::double precision
            ))
    ),
    count(*), %(now)s
FROM (
    SELECT u.device_id,
        extract(epoch FROM u.ns_time - lag(u.ns_time) OVER w)::double precision AS gap,
        u.f_cnt - lag(u.f_cnt) OVER w AS step
    FROM device AS d
    CROSS JOIN LATERAL (
        SELECT l.device_id, l.ns_time, l.f_cnt
        FROM uplink AS l
        WHERE l.device_id = d.id AND l.ns_time > %(since)s AND l.ns_time <= %(now)s
        ORDER BY l.ns_time DESC
        LIMIT %(uplinks)s
    ) AS u
    WHERE d.id >= %(first)s AND d.id < %(end)s
    WINDOW w AS (PARTITION BY u.device_id ORDER BY u.ns_time)
) AS g
WHERE g.gap > 1
GROUP BY g.device_id
HAVING count(*) >= %(fewest)s
ON CONFLICT (device_id) DO UPDATE
SET seconds = excluded.seconds, samples = excluded.samples, updated_at = excluded.updated_at

-- name: open_alerts
SELECT rule, severity, count(*) FROM alert WHERE closed_at IS NULL GROUP BY rule, severity

-- name: rules_with_open_alerts
SELECT DISTINCT rule FROM alert WHERE closed_at IS NULL

-- name: listed_alerts
SELECT
    a.number, a.rule, a.subject, a.subject_kind, coalesce(s.key, ''), a.district, a.code, a.severity, a.confidence,
    a.state, a.reason, a.group_key, a.since, a.opened_at, a.closed_at, a.facts
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
WHERE (%(ended)s OR a.closed_at IS NULL)
    AND (%(rule)s::text IS NULL OR a.rule = %(rule)s)
    AND (%(number)s::text IS NULL OR a.number = %(number)s)
ORDER BY a.opened_at DESC, a.id DESC
LIMIT %(limit)s

-- name: listed_events
SELECT e.position, e.at, e.kind, e.actor, e.actor_salt, e.actor_commitment, e.reason, e.detail, e.previous_hash, e.hash
FROM alert_event AS e
JOIN alert AS a ON a.id = e.alert_id
WHERE a.number = %s
ORDER BY e.position

-- name: allow_long_statements
SET LOCAL statement_timeout = '15min'
