-- What a tree's soil and age mean for its water: figures that a city may change; views and dashboards read them.

-- The volume fraction of water that a soil holds at a tension (kPa, positive).
CREATE FUNCTION soil_water(
    tension double precision, residual double precision, saturated double precision, alpha double precision,
    n double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN residual + (saturated - residual) / power(1 + power(alpha * tension * 10.197, n), 1 - 1 / n);

-- van Genuchten parameters (Carsel and Parrish 1988); water contents as fractions, alpha in 1/cm. The tree substrate is
-- a proposal. A tree names its class in its attribute `soil`. Usable water (nFK) lies between field capacity (6.3 kPa)
-- and wilting point (1500 kPa).
CREATE TABLE soil_class (
    name           text PRIMARY KEY,
    title          text NOT NULL,
    residual       double precision NOT NULL CHECK (residual >= 0),
    saturated      double precision NOT NULL CHECK (saturated <= 1),
    alpha          double precision NOT NULL CHECK (alpha > 0),
    n              double precision NOT NULL CHECK (n > 1),
    trigger_factor double precision NOT NULL DEFAULT 1 CHECK (trigger_factor > 0),
    capacity       double precision GENERATED ALWAYS AS (soil_water(6.3, residual, saturated, alpha, n)) STORED,
    wilting        double precision GENERATED ALWAYS AS (soil_water(1500, residual, saturated, alpha, n)) STORED,
    CHECK (residual < saturated)
);
INSERT INTO soil_class (name, title, residual, saturated, alpha, n, trigger_factor) VALUES
    ('sand', 'Sand', 0.045, 0.43, 0.145, 2.68, 0.7),
    ('loamy sand', 'lehmiger Sand', 0.057, 0.41, 0.124, 2.28, 0.7),
    ('sandy loam', 'sandiger Lehm', 0.065, 0.41, 0.075, 1.89, 1),
    ('loam', 'Lehm', 0.078, 0.43, 0.036, 1.56, 1),
    ('silt', 'Schluff', 0.034, 0.46, 0.016, 1.37, 1),
    ('silt loam', 'schluffiger Lehm', 0.067, 0.45, 0.020, 1.41, 1),
    ('sandy clay loam', 'sandig-toniger Lehm', 0.100, 0.39, 0.059, 1.48, 1),
    ('clay loam', 'toniger Lehm', 0.095, 0.41, 0.019, 1.31, 1),
    ('silty clay loam', 'schluffig-toniger Lehm', 0.089, 0.43, 0.010, 1.23, 1),
    ('sandy clay', 'sandiger Ton', 0.100, 0.38, 0.027, 1.23, 1.2),
    ('silty clay', 'schluffiger Ton', 0.070, 0.36, 0.005, 1.09, 1.2),
    ('clay', 'Ton', 0.068, 0.38, 0.008, 1.09, 1.2),
    ('tree substrate', 'Baumsubstrat', 0.03, 0.38, 0.08, 1.45, 0.7);

-- From which standing year on which tension asks for water; before the soil's factor, and between 15 and 90 kPa after it.
CREATE TABLE watering_trigger (
    standing_year integer PRIMARY KEY CHECK (standing_year >= 0),
    tension       double precision NOT NULL CHECK (tension > 0),
    depth_cm      integer CHECK (depth_cm > 0)
);
COMMENT ON COLUMN watering_trigger.depth_cm IS 'The depth that counts; NULL: the uppermost, in the root ball.';
INSERT INTO watering_trigger (standing_year, tension, depth_cm) VALUES
    (0, 20, NULL), (2, 35, NULL), (3, 50, 60), (6, 65, 60), (9, 80, 60);

-- Species that stand drought better or worse than others; the species of a tree begins with `name`. The list is a proposal.
CREATE TABLE species_factor (
    name           text PRIMARY KEY CHECK (name <> ''),
    trigger_factor double precision NOT NULL CHECK (trigger_factor > 0)
);
INSERT INTO species_factor (name, trigger_factor) VALUES
    ('Robinia', 1.2), ('Robinie', 1.2), ('Tilia tomentosa', 1.2), ('Silberlinde', 1.2), ('Gleditsia', 1.2),
    ('Acer campestre', 1.2), ('Feldahorn', 1.2),
    ('Betula', 0.8), ('Birke', 0.8), ('Acer pseudoplatanus', 0.8), ('Bergahorn', 0.8), ('Aesculus', 0.8),
    ('Rosskastanie', 0.8), ('Alnus', 0.8), ('Erle', 0.8);

-- In which depth a probe is, as its tree's attribute `depths_cm` says: {"<DevEUI>": 30}, or for probes of one device by
-- channel {"<DevEUI>": [30, 60, 90]}, or [30, 60, 90] for a tree with one device. NULL when nobody said so. This and the
-- functions below are single expressions that the planner puts in place of the call.
CREATE FUNCTION probe_depth(depths jsonb, dev_eui text, channel integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN coalesce(depths -> dev_eui ->> channel, depths ->> channel, depths ->> dev_eui) ~ '^\d{1,4}$'
    THEN coalesce(depths -> dev_eui ->> channel, depths ->> channel, depths ->> dev_eui)::integer END;

-- The tension (kPa) at a water content (fraction). 100 means 100 or more: so near to the dry end, and where a soil has
-- half a percent of its volume left at most, the water content does not tell the tension.
CREATE FUNCTION soil_tension(
    water double precision, residual double precision, saturated double precision, alpha double precision,
    n double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN water >= saturated THEN 0
    WHEN water - residual < 0.005 THEN 100
    WHEN water IS NOT NULL AND n IS NOT NULL THEN least(
        100,
        power(power((saturated - residual) / (water - residual), n / (n - 1)) - 1, 1 / n) / (alpha * 10.197)
    )
END;
