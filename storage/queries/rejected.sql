-- Statements of storage/rejected.py.

-- name: find
SELECT id, source, topic, payload, received_at, reason, detail, dev_eui, decoder, times_seen, last_seen_at, resolved_at
FROM rejected
WHERE (%(id)s::bigint IS NULL OR id = %(id)s)
    AND (%(id)s::bigint IS NOT NULL OR resolved_at IS NULL)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND id < coalesce(%(before)s::bigint, 9223372036854775807)
ORDER BY id DESC
LIMIT %(limit)s

-- name: count_open
SELECT reason, count(*) FROM rejected WHERE resolved_at IS NULL GROUP BY reason ORDER BY reason

-- name: resolve
UPDATE rejected SET resolved_at = now() WHERE id = ANY (%s::bigint[]) AND resolved_at IS NULL
