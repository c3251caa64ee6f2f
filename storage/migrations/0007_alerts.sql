-- Alerts with their life and evidence, the messages about them, charge points and what they say, and the portal's
-- own records. None of these is a hypertable: they are small, and their rows are updated and refer to each other.

-- ---- charge points ---------------------------------------------------------------------------------------

-- An EVSE under its id without separators in upper case: the form in which ids are compared.
CREATE TABLE evse (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evse_key    text NOT NULL UNIQUE CHECK (evse_key = upper(evse_key) AND evse_key <> ''),
    evse_id     text NOT NULL,
    source      text NOT NULL DEFAULT '',
    location_id text NOT NULL DEFAULT '',
    uid         text NOT NULL DEFAULT '',
    station     text NOT NULL DEFAULT '',
    detail      jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX evse_location_idx ON evse (source, location_id, uid);
COMMENT ON COLUMN evse.detail IS 'The EVSE object as its operator sent it; no sessions, no tokens.';

-- Which charge points serve which bay. GROUP: any of the station's.
CREATE TABLE bay_evse (
    asset_id   integer NOT NULL REFERENCES asset (id),
    evse_id    integer NOT NULL REFERENCES evse (id),
    mapping    text NOT NULL CHECK (mapping IN ('FIXED', 'GROUP')),
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to   timestamptz NOT NULL DEFAULT 'infinity',
    CHECK (valid_from < valid_to),
    UNIQUE (asset_id, evse_id, valid_from)
);

-- History of statuses. `at` is the operator's time, `received_at` ours; `status` is normalised, `raw_status` as sent.
CREATE TABLE evse_status (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evse_id     integer NOT NULL REFERENCES evse (id),
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    source      text NOT NULL,
    status      text NOT NULL,
    raw_status  text NOT NULL DEFAULT '',
    UNIQUE (evse_id, at, source, status)
);
CREATE INDEX evse_status_received_idx ON evse_status (received_at);

-- When a source of statuses was in contact: spans in which no two contacts are further apart than a minute.
CREATE TABLE evse_contact (
    source   text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL,
    CHECK (first_at <= last_at),
    PRIMARY KEY (source, first_at)
);

-- Where an incremental pull goes on: cursors, and what an OCPI handshake agreed on. Secrets lie in files, not here;
-- tokens that partners were given are kept as digests.
CREATE TABLE charging_link (
    source     text PRIMARY KEY,
    state      jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- ---- alerts ----------------------------------------------------------------------------------------------

CREATE SEQUENCE alert_number;

-- One row per episode of a rule at a subject. `occurrence` tells episodes apart (an occupancy, an outage).
CREATE TABLE alert (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number        text NOT NULL UNIQUE,
    rule          text NOT NULL,
    rule_version  text NOT NULL,
    subject       text NOT NULL,
    subject_kind  text NOT NULL,
    asset_id      integer REFERENCES asset (id),
    occurrence    text NOT NULL,
    group_key     text NOT NULL DEFAULT '',
    district      text NOT NULL DEFAULT '',
    code          text NOT NULL,
    codes         text[] NOT NULL,
    severity      text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    confidence    smallint NOT NULL CHECK (confidence BETWEEN 0 AND 100),
    priority      real NOT NULL DEFAULT 0,
    state         text NOT NULL
                  CHECK (state IN ('open', 'acknowledged', 'dispatched', 'on_site', 'resolved', 'withdrawn')),
    badges        text[] NOT NULL DEFAULT '{}',
    outcome       text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    assignee      text NOT NULL DEFAULT '',
    backfilled    boolean NOT NULL DEFAULT false,
    notifiable    boolean NOT NULL DEFAULT true,
    since         timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,
    opened_at     timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    closed_at     timestamptz,
    facts         jsonb NOT NULL DEFAULT '{}',
    evidence      jsonb NOT NULL DEFAULT '{}',
    UNIQUE (rule, subject, occurrence),
    CHECK ((closed_at IS NULL) = (state NOT IN ('resolved', 'withdrawn')))
);
-- One open alert per rule and subject.
CREATE UNIQUE INDEX alert_open_key ON alert (rule, subject) WHERE closed_at IS NULL;
CREATE INDEX alert_open_idx ON alert (priority DESC, since) WHERE closed_at IS NULL;
CREATE INDEX alert_since_idx ON alert (rule, since);
CREATE INDEX alert_closed_idx ON alert (closed_at) WHERE closed_at IS NOT NULL;

-- What happened to an alert: append-only, in a hash chain. `actor_commitment` is a salted digest of the name, so that
-- erasing the name leaves the chain valid.
CREATE TABLE alert_event (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id         bigint NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    position         integer NOT NULL,
    at               timestamptz NOT NULL,
    recorded_at      timestamptz NOT NULL DEFAULT now(),
    kind             text NOT NULL,
    actor            text NOT NULL DEFAULT '',
    actor_salt       text NOT NULL DEFAULT '',
    actor_commitment text NOT NULL DEFAULT '',
    reason           text NOT NULL DEFAULT '',
    detail           jsonb NOT NULL DEFAULT '{}',
    previous_hash    text NOT NULL,
    hash             text NOT NULL,
    UNIQUE (alert_id, position)
);

-- The outbox: written with the transition, sent afterwards, at least once.
CREATE TABLE notification (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    alert_id        bigint REFERENCES alert (id) ON DELETE CASCADE,
    event_id        bigint REFERENCES alert_event (id) ON DELETE CASCADE,
    channel         text NOT NULL,
    kind            text NOT NULL,
    body            jsonb NOT NULL,
    state           text NOT NULL CHECK (state IN ('pending', 'sent', 'dead', 'held')),
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    sent_at         timestamptz,
    last_error      text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX notification_pending_idx ON notification (due_at) WHERE state = 'pending';
CREATE INDEX notification_alert_idx ON notification (alert_id);

-- Silences: no notifications for matching alerts in a span of time; maintenance of an asset is one, too.
CREATE TABLE silence (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule       text,
    subject    text,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    comment    text NOT NULL DEFAULT '',
    created_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (starts_at < ends_at)
);

-- Where a rule's pure function may go on instead of reading all history; can be thrown away at any time.
CREATE TABLE rule_checkpoint (
    rule       text NOT NULL,
    subject    text NOT NULL,
    version    text NOT NULL,
    at         timestamptz NOT NULL,
    state      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rule, subject)
);

-- How often a device speaks, learned from its uplinks; the silent rule compares with it.
CREATE TABLE device_interval (
    device_id  integer PRIMARY KEY REFERENCES device (id),
    seconds    real NOT NULL,
    samples    integer NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- ---- the portal ------------------------------------------------------------------------------------------

CREATE TABLE portal_session (
    token_digest bytea PRIMARY KEY,
    username     text NOT NULL,
    role         text NOT NULL,
    csrf_token   text NOT NULL,
    created_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);

-- Who did what in the portal: logins, changes, exports. No payload, no licence plate.
CREATE TABLE audit_log (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    username text NOT NULL DEFAULT '',
    action   text NOT NULL,
    subject  text NOT NULL DEFAULT '',
    detail   jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_at_idx ON audit_log (at);

-- An action that a phone sent twice (patchy network) is carried out once.
CREATE TABLE portal_action (
    idempotency_key text PRIMARY KEY,
    username        text NOT NULL,
    answer          jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE push_subscription (
    endpoint_digest bytea PRIMARY KEY,
    username        text NOT NULL,
    endpoint        text NOT NULL,
    keys            jsonb NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);

-- The engine is woken by every committed batch that holds readings (NOTIFY stadtfunk_readings) and by these tables.
CREATE FUNCTION notify_alerts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('stadtfunk_alerts', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER evse_status_changed AFTER INSERT OR UPDATE ON evse_status
FOR EACH STATEMENT EXECUTE FUNCTION notify_alerts();
CREATE TRIGGER alert_changed AFTER INSERT OR UPDATE ON alert
FOR EACH STATEMENT EXECUTE FUNCTION notify_alerts();
