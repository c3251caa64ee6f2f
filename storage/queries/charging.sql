-- Statements of alerts/charging: charge points, what they say, and when their sources were in contact.

-- name: ensure_evses
-- An EVSE that the city's assets alone named so far gets the source that speaks of it first.
INSERT INTO evse AS e (evse_key, evse_id, source)
SELECT g.evse_key, g.evse_key, %(source)s
FROM unnest(%(keys)s::text[]) AS g (evse_key)
ON CONFLICT (evse_key) DO UPDATE SET source = excluded.source, updated_at = now() WHERE e.source = ''

-- name: claim_evses
UPDATE evse SET source = %(source)s, updated_at = now() WHERE evse_key = ANY (%(keys)s::text[]) AND source = ''

-- name: known_keys
SELECT evse_key FROM evse

-- name: upsert_evses
-- A location's EVSEs as their operator describes them. An EVSE that moved to another location moves here, too.
INSERT INTO evse AS e (evse_key, evse_id, source, location_id, uid, station, detail)
SELECT g.evse_key, g.evse_id, %(source)s, g.location_id, g.uid, g.station, g.detail
FROM unnest(
    %(keys)s::text[], %(ids)s::text[], %(locations)s::text[], %(uids)s::text[], %(stations)s::text[], %(details)s::jsonb[]
) AS g (evse_key, evse_id, location_id, uid, station, detail)
ON CONFLICT (evse_key) DO UPDATE SET
    evse_id = excluded.evse_id, source = excluded.source, location_id = excluded.location_id, uid = excluded.uid,
    station = CASE WHEN excluded.station = '' THEN e.station ELSE excluded.station END,
    detail = excluded.detail, updated_at = now()
WHERE (e.evse_id, e.source, e.location_id, e.uid, e.detail)
    IS DISTINCT FROM (excluded.evse_id, excluded.source, excluded.location_id, excluded.uid, excluded.detail)

-- name: lock_evses
-- In the order of their ids, so that two writers never wait for each other in a circle.
SELECT id FROM evse WHERE evse_key = ANY (%(keys)s::text[]) ORDER BY id FOR NO KEY UPDATE

-- name: insert_statuses
-- Of what one source says of one EVSE only changes are kept, and nothing that is older than what it said before.
-- A recheck is kept whatever it says: it is the evidence that somebody looked.
WITH given AS (
    SELECT e.id AS evse_id, g.at, g.received_at, g.source, g.status, g.raw_status, g.n,
        g.source = %(recheck)s AS kept
    FROM unnest(
        %(keys)s::text[], %(at)s::timestamptz[], %(received_at)s::timestamptz[], %(sources)s::text[],
        %(statuses)s::text[], %(raw)s::text[]
    ) WITH ORDINALITY AS g (evse_key, at, received_at, source, status, raw_status, n)
    JOIN evse AS e ON e.evse_key = g.evse_key
), newest AS (
    SELECT s.evse_id, s.source, s.at, s.status, s.raw_status
    FROM (SELECT DISTINCT evse_id, source FROM given) AS g
    CROSS JOIN LATERAL (
        SELECT * FROM evse_status AS h
        WHERE h.evse_id = g.evse_id AND h.source = g.source
        ORDER BY h.at DESC, h.id DESC
        LIMIT 1
    ) AS s
), fresh AS (
    SELECT g.*,
        coalesce(lag(g.status) OVER w, n.status) AS status_before,
        coalesce(lag(g.raw_status) OVER w, n.raw_status) AS raw_before
    FROM given AS g
    LEFT JOIN newest AS n USING (evse_id, source)
    WHERE g.kept OR n.at IS NULL OR g.at >= n.at
    WINDOW w AS (PARTITION BY g.evse_id, g.source ORDER BY g.at, g.n)
)
INSERT INTO evse_status (evse_id, at, received_at, source, status, raw_status)
SELECT evse_id, at, received_at, source, status, raw_status
FROM fresh
WHERE kept OR (status, raw_status) IS DISTINCT FROM (status_before, raw_before)
ORDER BY at, n
ON CONFLICT (evse_id, at, source, status) DO NOTHING
RETURNING id

-- name: extend_contact
UPDATE evse_contact
SET first_at = least(first_at, %(at)s), last_at = greatest(last_at, %(at)s)
WHERE source = %(source)s
    AND first_at <= %(at)s + interval '1 minute' AND last_at >= %(at)s - interval '1 minute'

-- name: begin_contact
INSERT INTO evse_contact (source, first_at, last_at) VALUES (%(source)s, %(at)s, %(at)s)
ON CONFLICT (source, first_at) DO UPDATE SET last_at = greatest(evse_contact.last_at, excluded.last_at)

-- name: last_contacts
SELECT source, max(last_at) FROM evse_contact GROUP BY source

-- name: unsettled
-- Charge points of which nobody knows anything since a recheck failed.
SELECT e.evse_key
FROM evse AS e
CROSS JOIN LATERAL (
    SELECT s.source, s.status FROM evse_status AS s WHERE s.evse_id = e.id ORDER BY s.at DESC, s.id DESC LIMIT 1
) AS newest
WHERE e.source = %(source)s AND newest.source = %(recheck)s AND newest.status = 'UNKNOWN'
ORDER BY e.id

-- name: newest_status
SELECT s.at, s.source, s.status
FROM evse AS e
JOIN evse_status AS s ON s.evse_id = e.id
WHERE e.evse_key = %(evse_key)s
ORDER BY s.at DESC, s.id DESC
LIMIT 1

-- name: find_evse
SELECT source, location_id, uid FROM evse WHERE evse_key = %(evse_key)s

-- name: read_link
SELECT state FROM charging_link WHERE source = %(source)s

-- name: read_links
SELECT source, state FROM charging_link

-- name: merge_link
-- A key that is given as null is removed.
INSERT INTO charging_link AS l (source, state) VALUES (%(source)s, jsonb_strip_nulls(%(state)s::jsonb))
ON CONFLICT (source) DO UPDATE SET state = jsonb_strip_nulls(l.state || %(state)s::jsonb), updated_at = now()

-- name: ensure_bay_evses
-- Every EVSE that the city's bays and stations name, under the station that they stand at.
INSERT INTO evse AS e (evse_key, evse_id, station)
SELECT DISTINCT ON (evse_key) evse_key, evse_id, station
FROM (
    SELECT upper(regexp_replace(point.evse_id, '[^0-9A-Za-z]', '', 'g')) AS evse_key, point.evse_id,
        CASE a.kind WHEN 'bay' THEN coalesce(a.attributes ->> 'station', '') ELSE a.key END AS station
    FROM asset AS a
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(a.attributes -> 'evses') WHEN 'array' THEN a.attributes -> 'evses' ELSE '[]' END
    ) AS point (evse_id)
    WHERE a.kind IN ('bay', 'charging_station')
) AS named
WHERE evse_key <> ''
ORDER BY evse_key, station DESC
ON CONFLICT (evse_key) DO UPDATE SET station = excluded.station, updated_at = now()
WHERE e.station <> excluded.station AND excluded.station <> ''

-- name: sync_bay_evses
-- Links that the bays' attributes name now; one that they no longer name ends at this moment, so that history keeps
-- the charge point that it was judged by.
WITH named AS (
    SELECT DISTINCT a.id AS asset_id, e.id AS evse_id,
        CASE upper(a.attributes ->> 'mapping') WHEN 'GROUP' THEN 'GROUP' ELSE 'FIXED' END AS mapping
    FROM asset AS a
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(a.attributes -> 'evses') WHEN 'array' THEN a.attributes -> 'evses' ELSE '[]' END
    ) AS point (evse_id)
    JOIN evse AS e ON e.evse_key = upper(regexp_replace(point.evse_id, '[^0-9A-Za-z]', '', 'g'))
    WHERE a.kind = 'bay'
), ended AS (
    UPDATE bay_evse AS b SET valid_to = %(at)s
    WHERE b.valid_from < %(at)s AND b.valid_to > %(at)s
        AND NOT EXISTS (
            SELECT FROM named AS n
            WHERE (n.asset_id, n.evse_id, n.mapping) = (b.asset_id, b.evse_id, b.mapping)
        )
    RETURNING b.asset_id
), added AS (
    INSERT INTO bay_evse (asset_id, evse_id, mapping, valid_from)
    SELECT n.asset_id, n.evse_id, n.mapping,
        CASE WHEN EXISTS (SELECT FROM bay_evse AS b WHERE b.asset_id = n.asset_id)
            THEN %(at)s::timestamptz ELSE '-infinity' END
    FROM named AS n
    WHERE NOT EXISTS (
        SELECT FROM bay_evse AS b
        WHERE (b.asset_id, b.evse_id, b.mapping) = (n.asset_id, n.evse_id, n.mapping) AND b.valid_to > %(at)s
    )
    ON CONFLICT (asset_id, evse_id, valid_from) DO NOTHING
    RETURNING asset_id
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM ended)

-- name: lock_location
-- Also of one that is not there yet.
SELECT pg_advisory_xact_lock(hashtextextended('ocpi_location:' || %(source)s || ':' || %(key)s, 0))

-- name: read_location
SELECT object FROM ocpi_location WHERE source = %(source)s AND location_key = %(key)s

-- name: write_location
INSERT INTO ocpi_location (source, location_key, object, last_updated)
VALUES (%(source)s, %(key)s, %(object)s, %(last_updated)s)
ON CONFLICT (source, location_key) DO UPDATE SET
    object = excluded.object, last_updated = excluded.last_updated, received_at = now()
