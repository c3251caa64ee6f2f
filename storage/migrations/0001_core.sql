-- The tables that do not follow from the reading kinds. Kind tables are made from the models in decoders/readings.py.
-- Times are UTC. Tables marked "hypertable" become one on TimescaleDB; the constraints are the same on both databases.
-- The hot tables carry no foreign keys: one writer fills them in one transaction with the rows they point to.

CREATE TABLE source (
    id          smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE decoder_version (
    id          smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL,
    version     integer NOT NULL,
    file_hash   text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, version, file_hash)
);

CREATE TABLE gateway (
    id                integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway_id        text NOT NULL UNIQUE,
    name              text NOT NULL DEFAULT '',
    latitude          double precision,
    longitude         double precision,
    altitude          double precision,
    online            boolean,
    online_changed_at timestamptz,
    stats_at          timestamptz,
    last_seen_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE device (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dev_eui     text NOT NULL UNIQUE,
    name        text NOT NULL DEFAULT '',
    profile     text NOT NULL DEFAULT '',
    application text NOT NULL DEFAULT '',
    tags        jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- What is known of a device now. Written once per batch and device, hence narrow and with room for updates in place.
CREATE TABLE device_state (
    device_id          integer PRIMARY KEY REFERENCES device (id),
    source_id          smallint NOT NULL,
    dev_addr           text NOT NULL DEFAULT '',
    session_started_at timestamptz NOT NULL,
    first_f_cnt        bigint NOT NULL,
    last_f_cnt         bigint NOT NULL,
    session_uplinks    bigint NOT NULL,
    earlier_gaps       bigint NOT NULL DEFAULT 0,
    uplinks            bigint NOT NULL DEFAULT 0,
    duplicates         bigint NOT NULL DEFAULT 0,
    last_ns_time       timestamptz NOT NULL,
    last_received_at   timestamptz NOT NULL,
    outcome            text NOT NULL
) WITH (fillfactor = 50);

COMMENT ON TABLE device_state IS
    'Frames missing in the current session = last_f_cnt - first_f_cnt + 1 - session_uplinks; earlier_gaps adds those of ended sessions.';

-- hypertable on ns_time
CREATE TABLE uplink (
    device_id        integer NOT NULL,
    ns_time          timestamptz NOT NULL,
    f_cnt            bigint NOT NULL,
    source_id        smallint NOT NULL,
    decoder_id       smallint,
    f_port           smallint NOT NULL,
    flags            smallint NOT NULL,
    payload_size     smallint NOT NULL,
    payload_crc      bigint NOT NULL,
    frequency        bigint NOT NULL,
    outcome          text NOT NULL,
    data_rate        text NOT NULL,
    dev_addr         text NOT NULL,
    event_time       timestamptz,
    received_at      timestamptz NOT NULL,
    deduplication_id uuid,
    UNIQUE (device_id, ns_time, f_cnt)
);

-- hypertable on ns_time
CREATE TABLE reception (
    ns_time    timestamptz NOT NULL,
    device_id  integer NOT NULL,
    f_cnt      bigint NOT NULL,
    gateway_id integer NOT NULL,
    antenna    smallint NOT NULL,
    channel    smallint,
    rssi       smallint,
    snr        real,
    UNIQUE (ns_time, device_id, gateway_id, antenna)
);

-- hypertables on ns_time: raw payloads per privacy class, so that retention drops whole chunks
CREATE TABLE payload_public (
    device_id integer NOT NULL,
    ns_time   timestamptz NOT NULL,
    f_cnt     bigint NOT NULL,
    payload   bytea NOT NULL
);
CREATE INDEX payload_public_ns_time_idx ON payload_public (ns_time DESC);

CREATE TABLE payload_household (LIKE payload_public INCLUDING ALL);

-- hypertable on occurred_at
CREATE TABLE device_event (
    device_id        integer NOT NULL,
    occurred_at      timestamptz NOT NULL,
    kind             text NOT NULL,
    code             text NOT NULL DEFAULT '',
    source_id        smallint NOT NULL,
    received_at      timestamptz NOT NULL,
    deduplication_id text NOT NULL DEFAULT '',
    detail           jsonb NOT NULL DEFAULT '{}',
    UNIQUE (device_id, occurred_at, kind, code, deduplication_id)
);

-- hypertable on occurred_at
CREATE TABLE gateway_stats (
    gateway_id     integer NOT NULL,
    occurred_at    timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    rx_received    integer NOT NULL,
    rx_received_ok integer NOT NULL,
    tx_received    integer NOT NULL,
    tx_emitted     integer NOT NULL,
    detail         jsonb NOT NULL DEFAULT '{}',
    UNIQUE (gateway_id, occurred_at)
);

-- Messages kept raw with their reason. `digest` (of source, topic and payload) makes a redelivery count, not repeat.
CREATE TABLE rejected (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       bytea NOT NULL UNIQUE,
    received_at  timestamptz NOT NULL,
    source       text NOT NULL,
    topic        text NOT NULL,
    payload      bytea NOT NULL,
    reason       text NOT NULL,
    detail       text NOT NULL,
    dev_eui      text NOT NULL DEFAULT '',
    decoder      text NOT NULL DEFAULT '',
    times_seen   integer NOT NULL DEFAULT 1,
    last_seen_at timestamptz NOT NULL,
    resolved_at  timestamptz
);
CREATE INDEX rejected_open_idx ON rejected (received_at) WHERE resolved_at IS NULL;

-- One row, locked by every writing transaction: writers take turns, and one that finds another's name drops its cache.
CREATE TABLE writer_turn (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    writer    text NOT NULL
);
INSERT INTO writer_turn (writer) VALUES ('');
