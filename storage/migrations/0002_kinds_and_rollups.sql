-- What is known of the kind tables and of their rollups. The tables themselves follow from decoders/readings.py.

-- Append-only: every change of a kind's columns is a new version with all its columns, name -> type.
CREATE TABLE kind_version (
    kind       text NOT NULL,
    version    integer NOT NULL,
    columns    jsonb NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, version)
);

-- A log without key or index: a writing transaction appends the (kind, hour) pairs that its readings touch and so
-- never waits for another writer or for maintenance, which deletes what it has seen committed and works it off.
CREATE TABLE rollup_touched (
    kind text NOT NULL,
    hour timestamptz NOT NULL
);

-- Per kind: rows of hours before this time are stored, later ones are computed when they are read.
CREATE TABLE rollup_watermark (
    kind          text PRIMARY KEY,
    stored_before timestamptz NOT NULL,
    refreshed_at  timestamptz NOT NULL
);

-- The views that were made for a kind, by checksum of their text, so that they are made again only when it changes.
CREATE TABLE kind_views (
    kind     text PRIMARY KEY,
    checksum text NOT NULL
);
