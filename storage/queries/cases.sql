-- Statements of alerts/cases.py: what people do with an alert.

-- name: lock_case
SELECT a.id, a.number, a.rule, a.subject, a.state, a.outcome, a.reason, a.assignee, a.opened_at, a.closed_at,
    a.content_digest
FROM alert AS a
WHERE a.number = %(number)s
FOR UPDATE

-- name: events_of
SELECT e.position, e.at, e.kind, e.actor, e.reason, e.detail
FROM alert_event AS e
WHERE e.alert_id = %(id)s
ORDER BY e.position

-- name: other_open
-- A subject has one open alert: a newer one keeps an older one closed.
SELECT a.number
FROM alert AS a
WHERE a.rule = %(rule)s AND a.subject = %(subject)s AND a.closed_at IS NULL AND a.id <> %(id)s

-- name: change_case
UPDATE alert
SET state = %(state)s, outcome = %(outcome)s, assignee = %(assignee)s, closed_at = %(closed_at)s, updated_at = %(now)s
WHERE id = %(id)s

-- name: find_action
SELECT answer FROM portal_action WHERE idempotency_key = %(key)s

-- name: keep_action
INSERT INTO portal_action (idempotency_key, username, answer, created_at)
VALUES (%(key)s, %(actor)s, %(answer)s, %(now)s)
