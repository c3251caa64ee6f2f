-- What the alert engine needs to find changes and the last message of a group without reading what alerts hold.

ALTER TABLE alert ADD COLUMN content_digest text NOT NULL DEFAULT '';
COMMENT ON COLUMN alert.content_digest IS
    'SHA-256 of what the rule said last; the chain of events holds it, too, so facts and evidence can be verified.';

CREATE INDEX notification_due_idx ON notification (due_at);
CREATE INDEX silence_ends_at_idx ON silence (ends_at);
