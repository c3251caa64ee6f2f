-- Locations as their operators sent them over OCPI: an operator may read back what it pushed, and a change of a part
-- is merged into the whole. Only locations are kept, never sessions or tokens.
CREATE TABLE ocpi_location (
    source       text NOT NULL,
    location_key text NOT NULL CHECK (location_key = upper(location_key)),
    object       jsonb NOT NULL,
    last_updated timestamptz NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, location_key)
);
COMMENT ON COLUMN ocpi_location.location_key IS 'Country code, party id and location id in upper case: OCPI compares them so.';
