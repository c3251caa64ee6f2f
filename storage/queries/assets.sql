-- Statements of storage/assets.py. A binding without beginning or end has NULL there outside of the table.

-- name: upsert_asset
-- `changed` is false when the asset was there just like this; `created` when it is new.
WITH given AS (
    SELECT %(kind)s::text AS kind, %(key)s::text AS key, %(name)s::text AS name, %(district)s::text AS district,
        %(latitude)s::double precision AS latitude, %(longitude)s::double precision AS longitude,
        %(geometry)s::jsonb AS geometry, %(attributes)s::jsonb AS attributes
), changed AS (
    INSERT INTO asset AS a (kind, key, name, district, latitude, longitude, geometry, attributes)
    SELECT kind, key, name, district, latitude, longitude, geometry, attributes FROM given
    ON CONFLICT (kind, key) DO UPDATE SET
        name = excluded.name, district = excluded.district, latitude = excluded.latitude,
        longitude = excluded.longitude, geometry = excluded.geometry, attributes = excluded.attributes,
        updated_at = now()
    WHERE (a.name, a.district, a.latitude, a.longitude, a.geometry, a.attributes)
        IS DISTINCT FROM (excluded.name, excluded.district, excluded.latitude, excluded.longitude,
            excluded.geometry, excluded.attributes)
    RETURNING id, (xmax = 0) AS created
)
SELECT id, true AS changed, created FROM changed
UNION ALL
SELECT a.id, false, false FROM asset AS a JOIN given AS g USING (kind, key)
WHERE NOT EXISTS (SELECT FROM changed)

-- name: find_asset
SELECT id FROM asset WHERE kind = %(kind)s AND key = %(key)s

-- name: ensure_device
-- An asset may be bound before its device speaks for the first time.
INSERT INTO device (dev_eui) VALUES (%(dev_eui)s) ON CONFLICT DO NOTHING

-- name: find_device
SELECT id FROM device WHERE dev_eui = %(dev_eui)s

-- name: find_binding
-- The binding that began at this moment, and whether it has another end than the given one. An import that names no
-- end does not open again what a swap has ended.
SELECT id, %(valid_to)s::timestamptz IS NOT NULL AND valid_to <> %(valid_to)s::timestamptz
FROM asset_device
WHERE asset_id = %(asset_id)s AND device_id = %(device_id)s
    AND subject IS NOT DISTINCT FROM %(subject)s::text AND channel IS NOT DISTINCT FROM %(channel)s::smallint
    AND valid_from = coalesce(%(valid_from)s::timestamptz, '-infinity')

-- name: insert_binding
INSERT INTO asset_device (asset_id, device_id, subject, channel, valid_from, valid_to, note)
VALUES (
    %(asset_id)s, %(device_id)s, %(subject)s, %(channel)s,
    coalesce(%(valid_from)s::timestamptz, '-infinity'), coalesce(%(valid_to)s::timestamptz, 'infinity'), %(note)s
)
RETURNING id

-- name: find_conflict
-- What another binding already claims of the same readings.
SELECT a.kind, a.key, nullif(b.valid_from, '-infinity'), nullif(b.valid_to, 'infinity')
FROM asset_device AS b
JOIN asset AS a ON a.id = b.asset_id
WHERE b.device_id = %(device_id)s
    AND (b.subject IS NULL OR %(subject)s::text IS NULL OR b.subject = %(subject)s::text)
    AND (b.channel IS NULL OR %(channel)s::smallint IS NULL OR b.channel = %(channel)s::smallint)
    AND b.valid_from < coalesce(%(valid_to)s::timestamptz, 'infinity')
    AND b.valid_to > coalesce(%(valid_from)s::timestamptz, '-infinity')
ORDER BY b.valid_from
LIMIT 1

-- name: find_bindings_at
SELECT b.id, d.dev_eui, b.subject, b.channel, nullif(b.valid_from, '-infinity')
FROM asset_device AS b
JOIN device AS d ON d.id = b.device_id
WHERE b.asset_id = %(asset_id)s AND b.valid_from < %(at)s AND b.valid_to > %(at)s
ORDER BY b.id

-- name: end_binding
UPDATE asset_device SET valid_to = %(at)s WHERE id = %(id)s

-- name: list_assets
-- Assets with the devices that are bound at the given moment.
SELECT a.kind, a.key, a.name, a.district, a.latitude, a.longitude, a.attributes,
    coalesce(array_agg(d.dev_eui ORDER BY d.dev_eui) FILTER (WHERE d.id IS NOT NULL), '{}') AS devices,
    max(s.last_received_at) AS last_received_at
FROM asset AS a
LEFT JOIN asset_device AS b ON b.asset_id = a.id AND b.valid_from <= %(at)s AND b.valid_to > %(at)s
LEFT JOIN device AS d ON d.id = b.device_id
LEFT JOIN device_state AS s ON s.device_id = d.id
WHERE (%(kind)s::text IS NULL OR a.kind = %(kind)s)
    AND (%(district)s::text IS NULL OR a.district = %(district)s)
    AND (%(search)s::text IS NULL OR strpos(lower(a.key || ' ' || a.name), lower(%(search)s)) > 0)
GROUP BY a.id
ORDER BY a.kind, a.key
LIMIT %(limit)s
