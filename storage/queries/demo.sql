-- Statements of stadtfunk/demo_past.py: the history of a demo.

-- name: insert_contacts
INSERT INTO evse_contact (source, first_at, last_at)
SELECT %(source)s, c.first_at, c.last_at
FROM unnest(%(first)s::timestamptz[], %(last)s::timestamptz[]) AS c (first_at, last_at)
ON CONFLICT (source, first_at) DO UPDATE SET last_at = greatest(evse_contact.last_at, excluded.last_at)

-- name: known_occurrences
SELECT subject, occurrence FROM alert WHERE rule = %(rule)s

-- name: case_number
SELECT number FROM alert WHERE rule = %(rule)s AND subject = %(subject)s AND occurrence = %(occurrence)s

-- name: forget_link
UPDATE charging_link SET state = '{}', updated_at = now() WHERE source = %(source)s
