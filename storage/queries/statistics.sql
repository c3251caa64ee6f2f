-- Statements of alerts/statistics/loading.py and alerts/retention.py. Times go out as seconds since 1970; weekday, hour
-- and day are of the city's clock. No statement reads who did something.

-- name: sites
-- Every bay with its station and the sensors that watched it in the span.
SELECT a.key, a.name, a.district, a.attributes, s.key, s.name, s.district,
    (
        SELECT coalesce(array_agg(DISTINCT d.dev_eui), '{}')
        FROM asset_device AS l
        JOIN device AS d ON d.id = l.device_id
        WHERE l.asset_id = a.id AND l.valid_from < %(end)s AND l.valid_to > %(start)s AND d.dev_eui IS NOT NULL
    )
FROM asset AS a
LEFT JOIN asset AS s ON s.kind = 'charging_station' AND s.key = a.attributes ->> 'station'
WHERE a.kind = 'bay'
ORDER BY coalesce(s.key, a.key), a.key

-- name: cases
-- Lost time: of a vehicle that never charged from its arrival, else from when it should have left after its session.
SELECT
    coalesce(b.attributes ->> 'station', a.facts ->> 'station', a.subject),
    coalesce(s.dev_eui, a.subject),
    a.code, a.codes, a.state, a.outcome, a.reason, a.notifiable, NOT a.backfilled,
    (extract(isodow FROM t.due)::integer - 1) * 24 + extract(hour FROM t.due)::integer,
    extract(day FROM t.due)::integer,
    extract(epoch FROM CASE
        WHEN 'V1_NO_CHARGE' = ANY (a.codes) THEN a.since
        WHEN 'V2_AFTER_CHARGE' = ANY (a.codes) THEN coalesce(r.due_at, a.due_at)
    END)::float8,
    extract(epoch FROM coalesce(a.closed_at, greatest(%(now)s, a.since)))::float8,
    extract(epoch FROM a.closed_at - a.opened_at)::float8,
    extract(epoch FROM e.taken - a.opened_at)::float8,
    extract(epoch FROM e.arrived - a.opened_at)::float8
FROM alert AS a
CROSS JOIN LATERAL (SELECT a.due_at AT TIME ZONE %(zone)s AS due) AS t
LEFT JOIN asset AS b ON b.id = a.asset_id AND b.kind = 'bay'
LEFT JOIN LATERAL (
    SELECT d.dev_eui
    FROM asset_device AS l
    JOIN device AS d ON d.id = l.device_id
    WHERE l.asset_id = b.id AND a.since >= l.valid_from AND a.since < l.valid_to
    LIMIT 1
) AS s ON true
LEFT JOIN LATERAL (
    SELECT min((o.one ->> 'due_at')::timestamptz) AS due_at
    FROM jsonb_array_elements(a.facts -> 'raised') AS o (one)
    WHERE o.one ->> 'code' = 'V2_AFTER_CHARGE'
) AS r ON 'V2_AFTER_CHARGE' = ANY (a.codes)
LEFT JOIN LATERAL (
    SELECT min(v.at) FILTER (WHERE v.kind IN ('acknowledged', 'dispatched', 'on_site')) AS taken,
        min(v.at) FILTER (WHERE v.kind = 'on_site') AS arrived
    FROM alert_event AS v
    WHERE v.alert_id = a.id
) AS e ON true
WHERE a.code = ANY (%(codes)s) AND a.due_at >= %(start)s AND a.due_at < %(end)s

-- name: bay_spans
-- When it was known of a bay whether it was occupied: from a message to the next, at most until it is stale. Messages
-- that say the same without a gap are one span.
WITH seen AS (
    SELECT a.key, p.observed_at AS at, p.occupied,
        least(lead(p.observed_at) OVER w, p.observed_at + %(stale)s, %(end)s) AS until,
        lag(p.occupied) OVER w IS DISTINCT FROM p.occupied
            OR lag(p.observed_at) OVER w < p.observed_at - %(stale)s AS begins
    FROM asset AS a
    JOIN asset_device AS d ON d.asset_id = a.id
    JOIN parking_bay AS p ON p.device_id = d.device_id
        AND p.observed_at >= greatest(%(start)s::timestamptz - %(stale)s, d.valid_from)
        AND p.observed_at < least(%(end)s, d.valid_to)
    WHERE a.kind = 'bay' AND a.key = ANY (%(keys)s)
        AND p.occupied IS NOT NULL AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0
    WINDOW w AS (PARTITION BY a.id ORDER BY p.observed_at)
), numbered AS (
    SELECT s.*, count(*) FILTER (WHERE s.begins) OVER (PARTITION BY s.key ORDER BY s.at) AS number FROM seen AS s
)
SELECT n.key, bool_and(n.occupied), extract(epoch FROM greatest(min(n.at), %(start)s))::float8,
    extract(epoch FROM max(n.until))::float8
FROM numbered AS n
GROUP BY n.key, n.number
HAVING max(n.until) > %(start)s

-- name: point_spans
-- Statuses of charge points, each until the next.
SELECT e.evse_key, e.source, s.status, extract(epoch FROM greatest(s.at, %(start)s))::float8,
    extract(epoch FROM coalesce(lead(s.at) OVER (PARTITION BY e.id ORDER BY s.at, s.id), %(end)s))::float8
FROM evse AS e
CROSS JOIN LATERAL (
    (
        SELECT t.id, t.at, t.status FROM evse_status AS t
        WHERE t.evse_id = e.id AND t.at < %(start)s
        ORDER BY t.at DESC, t.id DESC LIMIT 1
    )
    UNION ALL
    (SELECT t.id, t.at, t.status FROM evse_status AS t
        WHERE t.evse_id = e.id AND t.at >= %(start)s AND t.at < %(end)s)
) AS s
WHERE e.evse_key = ANY (%(keys)s)

-- name: contact_spans
SELECT c.source, extract(epoch FROM c.first_at)::float8, extract(epoch FROM c.last_at + %(fresh)s)::float8
FROM evse_contact AS c
WHERE c.last_at + %(fresh)s > %(start)s AND c.first_at < %(end)s
ORDER BY c.source, c.first_at

-- name: frames
-- Frames heard and missing by what stood over the sensor. Missing ones belong to the state before when the next frame
-- tells the change itself, else to the state that the next frame tells: then the change was what got lost.
WITH bound AS (
    SELECT a.key, d.device_id, greatest(%(start)s, d.valid_from) AS low, least(%(end)s, d.valid_to) AS high
    FROM asset AS a
    JOIN asset_device AS d ON d.asset_id = a.id
    WHERE a.kind = 'bay' AND a.key = ANY (%(keys)s)
), said AS (
    SELECT DISTINCT ON (r.device_id, r.uplink_ns_time, r.uplink_f_cnt)
        r.device_id, r.uplink_ns_time, r.uplink_f_cnt, r.occupied, r.event
    FROM bound AS b
    JOIN parking_bay AS r ON r.device_id = b.device_id
        AND r.observed_at >= b.low - interval '1 day' AND r.observed_at < b.high + interval '1 day'
    ORDER BY r.device_id, r.uplink_ns_time, r.uplink_f_cnt, r.observed_at DESC
), heard AS (
    SELECT b.key, u.device_id, u.dev_addr, u.ns_time, u.f_cnt, u.f_cnt - lag(u.f_cnt) OVER w AS step,
        s.occupied, s.event, count(s.occupied) OVER w AS told
    FROM bound AS b
    JOIN uplink AS u ON u.device_id = b.device_id AND u.ns_time >= b.low AND u.ns_time < b.high
    LEFT JOIN said AS s
        ON s.device_id = u.device_id AND s.uplink_ns_time = u.ns_time AND s.uplink_f_cnt = u.f_cnt
    WINDOW w AS (PARTITION BY b.key, u.device_id, u.dev_addr ORDER BY u.ns_time, u.f_cnt)
), stated AS (
    SELECT h.*, max(h.occupied::integer) OVER (PARTITION BY h.key, h.device_id, h.dev_addr, h.told) = 1 AS covered
    FROM heard AS h
), judged AS (
    SELECT t.key, t.told, t.covered, CASE WHEN t.step BETWEEN 2 AND 64 THEN t.step - 1 ELSE 0 END AS missing,
        CASE WHEN t.event = 'change' THEN coalesce(lag(t.covered) OVER w, t.covered) ELSE t.covered END AS missing_covered
    FROM stated AS t
    WINDOW w AS (PARTITION BY t.key, t.device_id, t.dev_addr ORDER BY t.ns_time, t.f_cnt)
)
SELECT j.key,
    count(*) FILTER (WHERE NOT j.covered),
    coalesce(sum(j.missing) FILTER (WHERE NOT j.missing_covered), 0)::bigint,
    count(*) FILTER (WHERE j.covered),
    coalesce(sum(j.missing) FILTER (WHERE j.missing_covered), 0)::bigint
FROM judged AS j
WHERE j.told > 0
GROUP BY j.key

-- name: stored_month
SELECT m.site, m.name, m.district, m.figures FROM parking_month AS m WHERE m.month = %(month)s ORDER BY m.site

-- name: keep_figures
INSERT INTO parking_month (month, site, name, district, figures, taken_at)
SELECT %(month)s, k.site, k.name, k.district, k.figures, %(now)s
FROM unnest(%(sites)s::text[], %(names)s::text[], %(districts)s::text[], %(figures)s::jsonb[])
    AS k (site, name, district, figures)
ON CONFLICT (month, site) DO NOTHING

-- name: unkept_months
-- Local months, up to that of `before`, of which there are cases or messages of bays but no figures yet.
SELECT DISTINCT m.month
FROM (
    SELECT date_trunc('month', a.due_at AT TIME ZONE %(zone)s)::date AS month
    FROM alert AS a
    WHERE a.code = ANY (%(codes)s) AND a.due_at < %(before)s
    UNION
    SELECT date_trunc('month', p.first AT TIME ZONE %(zone)s + make_interval(months => n.n))::date
    FROM (SELECT min(b.observed_at) AS first FROM parking_bay AS b WHERE b.observed_at < %(before)s) AS p
    CROSS JOIN generate_series(0, 1200) AS n (n)
    WHERE p.first IS NOT NULL
) AS m
WHERE m.month <= (%(before)s::timestamptz AT TIME ZONE %(zone)s)::date
    AND NOT EXISTS (SELECT FROM parking_month AS k WHERE k.month = m.month)
ORDER BY m.month

-- name: delete_cases
-- Of all rules: an alert goes with its events and messages. One that is still open stays.
DELETE FROM alert AS a WHERE a.closed_at IS NOT NULL AND a.closed_at < %(before)s

-- name: forget_actors
-- The commitment stays, so the chain stays valid; without the salt nobody can find the name by trying.
UPDATE alert_event SET actor = '', actor_salt = '' WHERE at < %(before)s AND (actor <> '' OR actor_salt <> '')

-- name: forget_assignees
UPDATE alert AS a SET assignee = ''
WHERE a.assignee <> ''
    AND NOT EXISTS (SELECT FROM alert_event AS e WHERE e.alert_id = a.id AND e.at >= %(before)s AND e.actor <> '')
    AND a.updated_at < %(before)s

-- name: forget_silencers
UPDATE silence SET created_by = '' WHERE created_by <> '' AND created_at < %(before)s AND ends_at < %(before)s

-- name: forget_recipients
-- Messages name nobody who did something; what a mail server said of a recipient, and who had it already, goes.
UPDATE notification SET last_error = '', delivered = '{}'
WHERE created_at < %(before)s AND state IN ('sent', 'dead') AND (last_error <> '' OR delivered <> '{}')

-- name: delete_actions
-- The key of an action begins with the name of who sent it.
DELETE FROM portal_action WHERE created_at < %(before)s

-- name: delete_audit
DELETE FROM audit_log WHERE at < %(before)s

-- name: delete_statuses
-- The last status of a charge point holds until it says something else, however old it is.
DELETE FROM evse_status AS s
WHERE s.at < %(before)s
    AND EXISTS (SELECT FROM evse_status AS l WHERE l.evse_id = s.evse_id AND l.at > s.at AND l.at < %(before)s)

-- name: delete_bay_payloads
-- What a bay's sensor sent says as much as what was made of it.
DELETE FROM payload_public AS p
WHERE p.ns_time < %(before)s
    AND p.device_id = ANY (ARRAY(
        SELECT d.device_id FROM asset_device AS d JOIN asset AS a ON a.id = d.asset_id WHERE a.kind = 'bay'
    ))

-- name: delete_contacts
DELETE FROM evse_contact WHERE last_at < %(before)s
