-- Statements of the sender of messages (alerts/outbox.py, alerts/digest.py).

-- name: claim
-- The next message of a channel, leased until %(lease)s. A message about an alert waits for an earlier one about it.
WITH next AS (
    SELECT n.id
    FROM notification AS n
    WHERE n.channel = %(channel)s AND n.state = 'pending' AND greatest(n.due_at, n.try_at) <= %(now)s
        AND n.id <> ALL (%(busy)s::bigint[])
        AND NOT EXISTS (
            SELECT FROM notification AS e
            WHERE e.alert_id = n.alert_id AND e.channel = n.channel AND e.state = 'pending' AND e.id < n.id
                AND e.due_at <= n.due_at
        )
    ORDER BY greatest(n.due_at, n.try_at), n.id
    LIMIT 1
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE notification AS n
SET attempts = n.attempts + 1, try_at = %(lease)s
FROM next
WHERE n.id = next.id
RETURNING n.id, n.idempotency_key, n.kind, n.body, n.created_at, n.due_at, n.attempts, n.delivered

-- name: claim_in_order
-- The oldest message of a channel and no other: what cannot be sent holds up what comes after it.
WITH first AS (
    SELECT n.id
    FROM notification AS n
    WHERE n.channel = %(channel)s AND n.state = 'pending' AND n.due_at <= %(now)s
    ORDER BY n.id
    LIMIT 1
), next AS (
    SELECT n.id
    FROM notification AS n
    JOIN first ON first.id = n.id
    WHERE n.state = 'pending' AND n.try_at <= %(now)s AND n.id <> ALL (%(busy)s::bigint[])
    FOR UPDATE OF n SKIP LOCKED
)
UPDATE notification AS n
SET attempts = n.attempts + 1, try_at = %(lease)s
FROM next
WHERE n.id = next.id
RETURNING n.id, n.idempotency_key, n.kind, n.body, n.created_at, n.due_at, n.attempts, n.delivered

-- name: next_at
SELECT min(greatest(due_at, try_at)) FROM notification
WHERE channel = %(channel)s AND state = 'pending' AND greatest(due_at, try_at) > %(now)s

-- name: mark_sent
UPDATE notification SET state = 'sent', sent_at = %(now)s, last_error = '', delivered = '{}'
WHERE id = %(id)s AND state = 'pending'

-- name: mark_later
UPDATE notification SET try_at = %(try_at)s, last_error = %(error)s, delivered = %(delivered)s
WHERE id = %(id)s AND state = 'pending'

-- name: mark_dead
-- With a summary or digest die the messages that it would have told of: nobody knows of them.
WITH dead AS (
    UPDATE notification SET state = 'dead', last_error = %(error)s
    WHERE id = %(id)s AND state = 'pending'
    RETURNING idempotency_key, channel, due_at, created_at
)
UPDATE notification AS n SET state = 'dead', last_error = %(error)s
FROM dead
WHERE n.body ->> 'summary' = dead.idempotency_key AND n.channel = dead.channel AND n.state = 'sent'
    AND n.due_at >= dead.due_at - interval '2 minutes' AND n.due_at <= dead.due_at + interval '2 minutes'

-- name: bury
-- Messages of channels that are not configured any more.
UPDATE notification SET state = 'dead', last_error = 'the channel is not configured'
WHERE state IN ('pending', 'held') AND channel <> ALL (%(channels)s::text[]) AND due_at < %(before)s

-- name: waiting
SELECT channel, state, count(*), min(due_at) FROM notification
WHERE state IN ('pending', 'held') AND channel = ANY (%(channels)s::text[])
GROUP BY channel, state

-- name: held
-- What waited for the shift, with the alerts as they are now; `told`: the channel knew of it before.
SELECT n.id, n.alert_id, n.body, a.state, a.priority, a.closed_at IS NULL AS open, a.reason,
    EXISTS (
        SELECT FROM notification AS t
        WHERE t.alert_id = n.alert_id AND t.channel = n.channel AND t.id < n.id AND t.state IN ('sent', 'pending')
    ) AS told,
    n.due_at
FROM notification AS n
JOIN alert AS a ON a.id = n.alert_id
WHERE n.channel = %(channel)s AND n.state = 'held' AND n.due_at <= %(now)s
ORDER BY n.id
FOR UPDATE OF n SKIP LOCKED

-- name: next_digest
SELECT min(due_at) FROM notification WHERE channel = ANY (%(channels)s::text[]) AND state = 'held'

-- name: release_held
UPDATE notification SET state = 'sent', body = body || jsonb_build_object('summary', %(key)s::text)
WHERE id = ANY (%(ids)s::bigint[])

-- name: insert_digest
INSERT INTO notification (idempotency_key, channel, kind, body, state, due_at)
VALUES (%(key)s, %(channel)s, 'digest', %(body)s, 'pending', %(due_at)s)
ON CONFLICT (idempotency_key) DO NOTHING

-- name: subscriptions
SELECT endpoint, coalesce(keys ->> 'p256dh', ''), coalesce(keys ->> 'auth', '') FROM push_subscription ORDER BY created_at

-- name: forget_subscription
DELETE FROM push_subscription WHERE endpoint = %(endpoint)s

-- name: forget_old
-- Messages about an alert go with it; summaries and digests belong to none.
DELETE FROM notification WHERE alert_id IS NULL AND state IN ('sent', 'dead') AND due_at < %(before)s
