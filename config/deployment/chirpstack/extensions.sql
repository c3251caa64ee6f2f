-- ChirpStack's search needs it; run once by the image of PostgreSQL.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
