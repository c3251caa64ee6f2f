-- Statements of portal/inbox: cases as lists and pages show them. Evidence is read for one case only: it is large.

-- part: case
-- The columns of an entry that every list has; the others give its points, the last position and when its state began.
    a.number, a.subject, a.code, a.codes, a.confidence, a.state, a.badges, a.outcome, a.reason, a.assignee,
    a.notifiable, a.since, a.opened_at, a.updated_at, a.closed_at, a.district, a.facts, coalesce(s.name, a.subject),
    s.latitude, s.longitude, coalesce(s.attributes, '{}'),

-- part: points
-- What the charge points of a case said last.
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_array(e.evse_id, n.status, n.at) ORDER BY e.evse_id) AS statuses
    FROM evse AS e
    CROSS JOIN LATERAL (
        SELECT h.status, h.at FROM evse_status AS h WHERE h.evse_id = e.id ORDER BY h.at DESC, h.id DESC LIMIT 1
    ) AS n
    WHERE e.evse_key = ANY (ARRAY(
        SELECT jsonb_array_elements_text(CASE jsonb_typeof(a.facts -> 'evses') WHEN 'array' THEN a.facts -> 'evses' ELSE '[]' END)
    ))
) AS points ON true

-- name: open_cases
SELECT
    -- include: case
    points.statuses, last.position, ways.at
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
-- include: points
LEFT JOIN LATERAL (
    SELECT max(v.position) AS position FROM alert_event AS v WHERE v.alert_id = a.id
) AS last ON true
LEFT JOIN LATERAL (
    SELECT max(v.at) AS at FROM alert_event AS v WHERE v.alert_id = a.id AND v.kind = a.state
) AS ways ON true
WHERE a.closed_at IS NULL AND a.code = ANY (%(codes)s)
ORDER BY a.priority DESC, a.since
LIMIT %(limit)s

-- name: called_off
-- Cases that ended by themselves while somebody was on the way or there.
SELECT
    -- include: case
    NULL::jsonb, way.position, way.at
FROM alert AS a
JOIN LATERAL (
    SELECT max(v.position) AS position, max(v.at) FILTER (WHERE v.kind IN ('dispatched', 'on_site')) AS at
    FROM alert_event AS v
    WHERE v.alert_id = a.id
) AS way ON way.at IS NOT NULL
LEFT JOIN asset AS s ON s.id = a.asset_id
WHERE a.closed_at > %(since)s - interval '24 hours' AND a.updated_at > %(since)s
    AND a.outcome = '' AND a.assignee <> '' AND a.code = ANY (%(codes)s)
ORDER BY a.updated_at DESC
LIMIT 20

-- name: closed_cases
SELECT
    -- include: case
    NULL::jsonb, NULL::integer, NULL::timestamptz
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
WHERE a.closed_at < %(before)s AND a.code = ANY (%(codes)s)
    AND (%(district)s::text = '' OR a.district = %(district)s)
ORDER BY a.closed_at DESC
LIMIT %(limit)s

-- name: one_case
SELECT
    -- include: case
    points.statuses,
    (SELECT max(v.position) FROM alert_event AS v WHERE v.alert_id = a.id),
    (SELECT max(v.at) FROM alert_event AS v WHERE v.alert_id = a.id AND v.kind = a.state)
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
-- include: points
WHERE a.number = %(number)s AND a.code = ANY (%(codes)s)

-- name: whole_case
-- Everything of one alert, for the protocol; `group` and not `group_key`, as findings say.
SELECT
    a.number, a.rule, a.rule_version, a.subject, a.subject_kind, a.occurrence, a.group_key AS "group", a.district,
    a.code, a.codes, a.severity, a.confidence, a.state, a.badges, a.outcome, a.reason, a.notifiable, a.backfilled,
    a.since, a.due_at, a.opened_at, a.closed_at, coalesce(s.name, '') AS name, s.latitude, s.longitude, a.facts,
    a.evidence, a.content_digest
FROM alert AS a
LEFT JOIN asset AS s ON s.id = a.asset_id
WHERE a.number = %(number)s

-- name: events
SELECT
    e.position, e.at, e.recorded_at, e.kind, e.actor, e.actor_salt, e.actor_commitment, e.reason, e.detail,
    e.previous_hash, e.hash
FROM alert_event AS e
JOIN alert AS a ON a.id = e.alert_id
WHERE a.number = %(number)s
ORDER BY e.position

-- name: radio
-- Who heard the messages of a bay's sensor, as long as receptions are kept.
SELECT r.device_id, r.ns_time, r.f_cnt, g.gateway_id, r.rssi, r.snr
FROM unnest(%(devices)s::integer[], %(times)s::timestamptz[], %(counters)s::bigint[]) AS w (device, ns_time, f_cnt)
JOIN reception AS r ON r.device_id = w.device AND r.ns_time = w.ns_time AND r.f_cnt = w.f_cnt
JOIN gateway AS g ON g.id = r.gateway_id
ORDER BY r.ns_time, r.rssi DESC

-- name: subscribe
INSERT INTO push_subscription (endpoint_digest, username, endpoint, keys, created_at)
VALUES (%(digest)s, %(username)s, %(endpoint)s, %(keys)s, %(now)s)
ON CONFLICT (endpoint_digest) DO UPDATE
SET username = excluded.username, keys = excluded.keys, created_at = excluded.created_at

-- name: forget_oldest
DELETE FROM push_subscription
WHERE endpoint_digest IN (
    SELECT endpoint_digest FROM push_subscription
    WHERE username = %(username)s
    ORDER BY created_at DESC
    OFFSET %(most)s
)

-- name: unsubscribe
DELETE FROM push_subscription WHERE endpoint_digest = %(digest)s AND username = %(username)s
