-- What the city owns and which device measures it, when.

CREATE TABLE asset (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('tree', 'bay', 'meter', 'gateway', 'charging_station')),
    key         text NOT NULL CHECK (key <> ''),
    name        text NOT NULL DEFAULT '',
    district    text NOT NULL DEFAULT '',
    latitude    double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision CHECK (longitude BETWEEN -180 AND 180),
    geometry    jsonb,
    attributes  jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, key)
);
COMMENT ON COLUMN asset.geometry IS 'GeoJSON geometry (WGS 84) where a point is not enough, such as the outline of a bay.';

CREATE TYPE text_range AS RANGE (SUBTYPE = text);

-- A binding says: during [valid_from, valid_to) the readings of this device, or of one meter or probe of it, are of
-- that asset. NULL in subject or channel means all of them. Two bindings that would claim the same reading exclude
-- each other, so every reading has one asset or none.
CREATE TABLE asset_device (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset_id   integer NOT NULL REFERENCES asset (id),
    device_id  integer NOT NULL REFERENCES device (id),
    subject    text,
    channel    smallint,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to   timestamptz NOT NULL DEFAULT 'infinity',
    note       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from < valid_to),
    CONSTRAINT asset_device_no_overlap EXCLUDE USING gist (
        device_id WITH =,
        text_range(subject, subject, '[]') WITH &&,
        int4range(channel, channel, '[]') WITH &&,
        tstzrange(valid_from, valid_to) WITH &&
    )
);
CREATE INDEX asset_device_asset_id_idx ON asset_device (asset_id);

-- Which readings changed their asset; maintenance computes their rollups again. A trigger, so that a correction by
-- hand counts, too; nothing here is on the way of uplinks.
CREATE TABLE binding_changed (
    device_id integer NOT NULL,
    low       timestamptz NOT NULL,
    high      timestamptz NOT NULL
);

CREATE FUNCTION note_binding_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = stadtfunk, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO binding_changed (device_id, low, high) VALUES (OLD.device_id, OLD.valid_from, OLD.valid_to);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO binding_changed (device_id, low, high) VALUES (NEW.device_id, NEW.valid_from, NEW.valid_to);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER asset_device_changed AFTER INSERT OR UPDATE OR DELETE ON asset_device
FOR EACH ROW EXECUTE FUNCTION note_binding_change();
