-- Decoding history again: the runs, how far each came, and what they replaced, so that a run can be undone.

CREATE TABLE redecode_run (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decoder     text,
    device      text,
    since       timestamptz NOT NULL,
    until       timestamptz NOT NULL,
    decoders    jsonb NOT NULL,
    state       text NOT NULL CHECK (state IN ('running', 'done', 'undoing', 'undone')),
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK (since < until)
);
COMMENT ON TABLE redecode_run IS
    'decoder and device: the selection, NULL for all; decoders: name -> {version, file_hash} of those that decoded.';
CREATE UNIQUE INDEX redecode_run_one_unfinished_idx ON redecode_run ((true)) WHERE state IN ('running', 'undoing');

-- The devices of a run are dealt out to its parts by id modulo `parts`, so a reading belongs to one part and parts never
-- meet. Everything before `position` is done; it moves in the transaction that writes a chunk.
CREATE TABLE redecode_part (
    run_id   integer NOT NULL REFERENCES redecode_run (id) ON DELETE CASCADE,
    part     smallint NOT NULL,
    parts    smallint NOT NULL,
    position timestamptz NOT NULL,
    counts   jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, part)
);

-- Readings as they were before a run; `before` is NULL for those that it added. One table per privacy class, because
-- what a household's reading was must not outlive it.
CREATE TABLE redecode_public (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      integer NOT NULL,
    kind        text NOT NULL,
    device_id   integer NOT NULL,
    subject     text NOT NULL,
    channel     smallint NOT NULL,
    observed_at timestamptz NOT NULL,
    before      jsonb,
    archived_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, kind, observed_at, device_id, subject, channel)
);

CREATE TABLE redecode_household (LIKE redecode_public INCLUDING ALL);

-- Uplinks whose outcome or decoder a run changed, and the rejected messages that it resolved.
CREATE TABLE redecode_uplink (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id      integer NOT NULL,
    device_id   integer NOT NULL,
    ns_time     timestamptz NOT NULL,
    f_cnt       bigint NOT NULL,
    decoder_id  smallint,
    outcome     text NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (run_id, ns_time, device_id, f_cnt)
);

CREATE TABLE redecode_rejected (
    run_id      integer NOT NULL,
    rejected_id bigint NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, rejected_id)
);
