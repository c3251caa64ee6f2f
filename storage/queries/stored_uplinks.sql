-- Statements of storage/stored_uplinks.py: one device's latest uplinks with what was made of them.

-- name: device
SELECT id, dev_eui FROM device WHERE dev_eui = %s

-- name: uplinks
-- First the columns of storage/uplink_rows.py; payloads come from tables of their own.
SELECT
    d.dev_eui, d.name, d.profile, d.application, d.tags, coalesce(s.name, ''), u.f_cnt, u.f_port, u.flags, u.dev_addr,
    u.data_rate, u.frequency, u.ns_time, u.event_time, u.received_at, ''::bytea,
    u.payload_size, u.outcome, coalesce(v.name, ''), coalesce(v.version, 0)
FROM uplink AS u
JOIN device AS d ON d.id = u.device_id
LEFT JOIN source AS s ON s.id = u.source_id
LEFT JOIN decoder_version AS v ON v.id = u.decoder_id
WHERE u.device_id = %s
ORDER BY u.ns_time DESC
LIMIT %s

-- name: public_payloads
SELECT ns_time, f_cnt, payload FROM payload_public WHERE device_id = %s AND ns_time = ANY (%s::timestamptz[])

-- name: household_payloads
SELECT ns_time, f_cnt, payload FROM payload_household WHERE device_id = %s AND ns_time = ANY (%s::timestamptz[])

-- name: readings
-- The identifier is a checked name of a reading kind. The range of observation keeps other chunks closed.
SELECT r.uplink_ns_time, r.uplink_f_cnt, to_jsonb(r)
FROM {kind} AS r
WHERE r.device_id = %(device)s
    AND r.uplink_ns_time = ANY (%(times)s::timestamptz[])
    AND r.observed_at BETWEEN %(first)s AND %(last)s
ORDER BY r.subject, r.channel, r.observed_at

-- name: keys
-- Which of these readings of the device are stored, whatever uplink they came with. The identifier is a checked name.
SELECT k.subject, k.channel, k.observed_at
FROM (
    SELECT
        unnest(%(subjects)s::text[]) AS subject, unnest(%(channels)s::smallint[]) AS channel,
        unnest(%(times)s::timestamptz[]) AS observed_at
) AS k
JOIN device AS d ON d.dev_eui = %(dev_eui)s
JOIN {kind} AS r
    ON r.device_id = d.id AND r.subject = k.subject AND r.channel = k.channel AND r.observed_at = k.observed_at
