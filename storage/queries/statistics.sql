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
    ),
    (
        SELECT string_agg(concat_ws(' ', l.device_id, l.subject, l.channel, l.valid_from, l.valid_to), ', ' ORDER BY l.id)
        FROM asset_device AS l WHERE l.asset_id = a.id
    )
FROM asset AS a
LEFT JOIN asset AS s ON s.kind = 'charging_station' AND s.key = a.attributes ->> 'station'
WHERE a.kind = 'bay'
ORDER BY coalesce(s.key, a.key), a.key

-- name: bay_links
-- Which charge points served which bay when, in seconds since 1970.
SELECT a.key, e.evse_key, b.mapping, extract(epoch FROM b.valid_from)::float8, extract(epoch FROM b.valid_to)::float8
FROM bay_evse AS b
JOIN asset AS a ON a.id = b.asset_id
JOIN evse AS e ON e.id = b.evse_id
ORDER BY a.key, e.evse_key, b.valid_from

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
-- When it was known of a bay whether it was occupied: from a message to the next, at most until it is stale or its sensor
-- was taken away. Messages that say the same without a gap are one span. Of two sensors at a bay the first one counts.
WITH bound AS (
    SELECT a.id, a.key, d.id AS binding, d.device_id, d.subject, d.channel, d.valid_from, d.valid_to,
        EXISTS (
            SELECT FROM asset_device AS o
            WHERE o.asset_id = d.asset_id AND (o.valid_from, o.id) < (d.valid_from, d.id) AND o.valid_to > d.valid_from
        ) AS second
    FROM asset AS a
    JOIN asset_device AS d ON d.asset_id = a.id
    WHERE a.kind = 'bay' AND a.key = ANY (%(keys)s)
), seen AS (
    SELECT d.key, p.observed_at AS at, p.occupied,
        least(lead(p.observed_at) OVER w, p.observed_at + %(stale)s, d.valid_to, %(end)s) AS until,
        lag(p.occupied) OVER w IS DISTINCT FROM p.occupied
            OR lag(least(p.observed_at + %(stale)s, d.valid_to)) OVER w < p.observed_at AS begins
    FROM bound AS d
    JOIN parking_bay AS p ON p.device_id = d.device_id
        AND p.subject = coalesce(d.subject, '') AND p.channel = coalesce(d.channel, 0)
        AND p.observed_at >= greatest(%(start)s::timestamptz - %(stale)s, d.valid_from)
        AND p.observed_at < least(%(end)s, d.valid_to)
    WHERE p.occupied IS NOT NULL AND p.event IN ('change', 'heartbeat') AND p.blocked IS NOT TRUE AND p.flags & 1 = 0
        AND (NOT d.second OR NOT EXISTS (
            SELECT FROM asset_device AS o
            WHERE o.asset_id = d.id AND (o.valid_from, o.id) < (d.valid_from, d.binding)
                AND p.observed_at >= o.valid_from AND p.observed_at < o.valid_to
        ))
    WINDOW w AS (PARTITION BY d.id ORDER BY p.observed_at)
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
    SELECT a.key, d.device_id, greatest(%(heard_from)s, d.valid_from) AS low, least(%(end)s, d.valid_to) AS high
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
    SELECT t.key, t.ns_time, t.told, t.covered, CASE WHEN t.step BETWEEN 2 AND 64 THEN t.step - 1 ELSE 0 END AS missing,
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
WHERE j.told > 0 AND j.ns_time >= %(start)s
GROUP BY j.key

-- name: stored_days
SELECT d.site, d.day, d.bays, d.watched, d.seen, d.occupied, d.judged, d.idle, d.unavailable,
    d.free_received, d.free_missing, d.covered_received, d.covered_missing
FROM parking_day AS d
JOIN unnest(%(sites)s::text[], %(bases)s::text[]) AS k (site, basis) ON k.site = d.site AND k.basis = d.basis
WHERE d.day >= %(first)s AND d.day <= %(last)s

-- name: touched_spans
SELECT DISTINCT low, high FROM parking_touched WHERE high > %(start)s AND low < %(end)s

-- name: take_touched
WITH taken AS (DELETE FROM parking_touched RETURNING low, high) SELECT DISTINCT low, high FROM taken

-- name: forget_days
DELETE FROM parking_day WHERE day = ANY (%(days)s::date[])

-- name: keep_days
INSERT INTO parking_day (day, site, basis, bays, watched, seen, occupied, judged, idle, unavailable, free_received,
    free_missing, covered_received, covered_missing, counted_at)
SELECT r.day, r.site, r.basis, r.bays, r.watched, r.seen, r.occupied, r.judged, r.idle, r.unavailable, r.free_received,
    r.free_missing, r.covered_received, r.covered_missing, %(now)s
FROM jsonb_to_recordset(%(rows)s) AS r (day date, site text, basis text, bays integer, watched float8[], seen boolean[],
    occupied float8, judged float8, idle float8, unavailable float8, free_received integer, free_missing integer,
    covered_received integer, covered_missing integer)
ON CONFLICT (day, site) DO UPDATE SET basis = excluded.basis, bays = excluded.bays, watched = excluded.watched,
    seen = excluded.seen, occupied = excluded.occupied, judged = excluded.judged, idle = excluded.idle,
    unavailable = excluded.unavailable, free_received = excluded.free_received, free_missing = excluded.free_missing,
    covered_received = excluded.covered_received, covered_missing = excluded.covered_missing,
    counted_at = excluded.counted_at

-- name: lacking_days
-- Days with the sites that are not counted on their basis, the latest first.
SELECT g.day, array_agg(k.site)
FROM unnest(%(days)s::date[]) AS g (day)
CROSS JOIN unnest(%(sites)s::text[], %(bases)s::text[]) AS k (site, basis)
WHERE NOT EXISTS (
    SELECT FROM parking_day AS d WHERE d.day = g.day AND d.site = k.site AND d.basis = k.basis
)
GROUP BY g.day
ORDER BY g.day DESC

-- name: first_message
SELECT min(observed_at) FROM parking_bay WHERE observed_at >= %(start)s

-- name: delete_days
DELETE FROM parking_day WHERE day < %(before)s::date - 1

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
