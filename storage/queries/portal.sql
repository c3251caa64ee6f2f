-- Sessions, tokens and the audit log of the portal. Tokens come in as digests only.

-- name: new_session
INSERT INTO portal_session (token_digest, username, role, origin, csrf_token, created_at, seen_at, expires_at)
VALUES (%(digest)s, %(username)s, %(role)s, %(origin)s, %(csrf_token)s, %(now)s, %(now)s, %(expires_at)s)

-- name: find_session
SELECT username, role, origin, csrf_token, created_at, seen_at, expires_at
FROM portal_session
WHERE token_digest = %(digest)s AND expires_at > %(now)s

-- name: renew_session
UPDATE portal_session
SET seen_at = %(now)s, expires_at = %(expires_at)s
WHERE token_digest = %(digest)s AND seen_at < %(now)s

-- name: end_session
DELETE FROM portal_session WHERE token_digest = %(digest)s

-- name: use_token
UPDATE portal_token
SET last_used_at = CASE
        WHEN last_used_at IS NULL OR last_used_at < %(now)s - interval '1 minute' THEN %(now)s
        ELSE last_used_at
    END
WHERE token_digest = %(digest)s AND expires_at > %(now)s
RETURNING name, role, scopes, writes

-- name: new_token
INSERT INTO portal_token (name, token_digest, role, scopes, writes, created_at, expires_at)
VALUES (%(name)s, %(digest)s, %(role)s, %(scopes)s, %(writes)s, %(now)s, %(expires_at)s)
ON CONFLICT (name) DO NOTHING
RETURNING name

-- name: list_tokens
SELECT name, role, scopes, writes, created_at, expires_at, last_used_at FROM portal_token ORDER BY name

-- name: revoke_token
DELETE FROM portal_token WHERE name = %(name)s RETURNING name

-- name: forget_device
-- Whoever leaves a browser, or finds somebody else's, leaves no notifications to it.
DELETE FROM push_subscription WHERE endpoint_digest = %(digest)s AND username <> %(kept)s

-- name: forget_strangers
-- Browsers of people who are no reader of the configuration, and none that the identity provider vouched for lately.
DELETE FROM push_subscription AS p
WHERE p.username <> ALL (%(known)s::text[])
    AND NOT (%(oidc)s AND coalesce((
        SELECT l.detail ->> 'role' = ANY (%(readers)s::text[])
        FROM audit_log AS l
        WHERE l.username = p.username AND l.action = 'login' AND l.detail ->> 'origin' = 'oidc' AND l.at >= %(since)s
        ORDER BY l.at DESC
        LIMIT 1
    ), false))

-- name: record
INSERT INTO audit_log (at, username, action, subject, detail)
VALUES (%(at)s, %(username)s, %(action)s, %(subject)s, %(detail)s)

-- name: latest
SELECT id, at, username, action, subject, detail
FROM audit_log
WHERE %(before)s::bigint IS NULL OR id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s
