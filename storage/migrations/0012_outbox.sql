-- What the sender of messages needs: when one is tried again, who of several recipients has it already, and a wake-up.

ALTER TABLE notification
    ADD COLUMN try_at timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN delivered text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN notification.try_at IS
    'Not before this: the next attempt after a failure, or the end of the lease of whoever is sending it now.';
COMMENT ON COLUMN notification.delivered IS
    'Digests of recipients that have it, while others of the same channel do not.';

DROP INDEX notification_pending_idx;
CREATE INDEX notification_pending_idx ON notification (channel, greatest(due_at, try_at)) WHERE state = 'pending';
CREATE INDEX notification_order_idx ON notification (channel, id) WHERE state = 'pending';
CREATE INDEX notification_held_idx ON notification (channel, due_at) WHERE state = 'held';

CREATE FUNCTION notify_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('stadtfunk_outbox', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER notification_written AFTER INSERT ON notification
FOR EACH STATEMENT EXECUTE FUNCTION notify_outbox();
