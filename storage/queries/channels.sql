-- Statements of portal/channels.py: what became of the messages of each channel.

-- name: outbox
-- The last weeks tell how a channel does; older messages are neither pending nor held.
SELECT channel,
    count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'held'),
    count(*) FILTER (WHERE state = 'dead'), max(sent_at),
    coalesce((array_agg(last_error ORDER BY greatest(due_at, try_at) DESC) FILTER (WHERE last_error <> ''))[1], '')
FROM notification
WHERE due_at >= %(since)s AND channel = ANY (%(channels)s::text[])
GROUP BY channel

-- name: last_tests
SELECT DISTINCT ON (subject) subject, at, (detail ->> 'arrived')::boolean, coalesce(detail ->> 'reason', '')
FROM audit_log
WHERE action = %(action)s AND at >= %(since)s AND subject = ANY (%(channels)s::text[])
ORDER BY subject, at DESC, id DESC
