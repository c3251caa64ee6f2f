-- Statements of storage/roles.py.

-- name: role_state
SELECT r.rolname IS NOT NULL, r.rolname IS NOT NULL AND pg_has_role(current_user, r.oid, 'MEMBER')
FROM (VALUES (%(role)s::name)) AS w (name)
LEFT JOIN pg_roles AS r ON r.rolname = w.name

-- name: revoke_all
REVOKE ALL ON ALL TABLES IN SCHEMA stadtfunk FROM {role}

-- name: grant_usage
GRANT USAGE ON SCHEMA stadtfunk TO {role}

-- name: relations
SELECT relname FROM pg_class WHERE relnamespace = 'stadtfunk'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
