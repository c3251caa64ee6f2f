-- The radio network in numbers that dashboards can add up: frames, losses, margins, who heard what. Uplinks and
-- receptions are too many to be counted when somebody looks, so maintenance stores sums of hours and local days of what
-- is over (storage/radio.py); the marks of touched hours are those of rollups, under the kind `radio`.

-- LoRa's spreading factor of a data rate such as `SF7BW125`; NULL for other modulations.
CREATE FUNCTION spreading_factor(data_rate text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN data_rate LIKE 'SF%BW%' THEN split_part(substr(data_rate, 3), 'BW', 1)::smallint END;

-- The lowest ratio of signal to noise (dB) at which a receiver still demodulates.
CREATE FUNCTION demodulation_floor(spreading_factor smallint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 10 - 2.5 * spreading_factor;

-- Seconds on air of a frame with this application payload: coding rate 4/5, 8 symbols of preamble, explicit header,
-- CRC, 13 bytes of LoRaWAN around the payload; low data rate optimisation where a symbol lasts over 16 ms. NULL where
-- the modulation is not LoRa. One expression, so that the planner puts it in place of the call.
CREATE FUNCTION airtime(data_rate text, spreading_factor smallint, payload_size smallint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN spreading_factor IS NOT NULL THEN
    (20.25 + greatest(5 * ceil(
        (8 * (13 + payload_size) - 4 * spreading_factor + 44)::double precision
        / (4 * (spreading_factor - CASE
            WHEN (1 << spreading_factor) > 16 * split_part(data_rate, 'BW', 2)::double precision THEN 2 ELSE 0
        END))
    ), 0)) * (1 << spreading_factor) / (1000 * split_part(data_rate, 'BW', 2)::double precision)
END;

-- All frames. `lost`: frames that the counters say are missing before those of this hour; `single`: frames that one
-- gateway alone heard.
CREATE TABLE radio_hourly (
    bucket     timestamptz NOT NULL,
    source_id  smallint NOT NULL,
    outcome    text NOT NULL,
    data_rate  text NOT NULL,
    frames     integer NOT NULL,
    lost       integer NOT NULL,
    single     integer NOT NULL,
    receptions integer NOT NULL,
    airtime    double precision NOT NULL,
    PRIMARY KEY (bucket, source_id, outcome, data_rate)
);
COMMENT ON COLUMN radio_hourly.airtime IS 'Seconds on air of the frames whose modulation is LoRa.';

-- How far the best gateway of a frame was above the floor of demodulation, in whole dB (rounded down).
CREATE TABLE radio_margin_hourly (
    bucket timestamptz NOT NULL,
    margin smallint NOT NULL,
    frames integer NOT NULL,
    PRIMARY KEY (bucket, margin)
);

-- What each gateway heard. `alone`: nobody else did; `best`: nobody did with a better ratio of signal to noise.
CREATE TABLE radio_gateway_hourly (
    bucket     timestamptz NOT NULL,
    gateway_id integer NOT NULL,
    data_rate  text NOT NULL,
    frames     integer NOT NULL,
    alone      integer NOT NULL,
    best       integer NOT NULL,
    airtime    double precision NOT NULL,
    rssi       real,
    snr        real,
    PRIMARY KEY (bucket, gateway_id, data_rate)
);
COMMENT ON COLUMN radio_gateway_hourly.rssi IS 'Mean, as of snr.';

-- Each device's local day. `gateways`: how many heard it; `margin_…` and `rssi` of each frame's best gateway.
CREATE TABLE radio_device_daily (
    bucket        timestamptz NOT NULL,
    device_id     integer NOT NULL,
    frames        integer NOT NULL,
    lost          integer NOT NULL,
    single        integer NOT NULL,
    receptions    integer NOT NULL,
    gateways      smallint NOT NULL,
    slow          integer NOT NULL,
    airtime       double precision NOT NULL,
    margin_p10    real,
    margin_median real,
    rssi_median   real,
    PRIMARY KEY (bucket, device_id)
);
COMMENT ON COLUMN radio_device_daily.slow IS 'Frames at spreading factor 12.';

-- Which gateway heard which device on a local day, and `device_frames` that anybody heard of it.
CREATE TABLE radio_link_daily (
    bucket        timestamptz NOT NULL,
    gateway_id    integer NOT NULL,
    device_id     integer NOT NULL,
    frames        integer NOT NULL,
    alone         integer NOT NULL,
    device_frames integer NOT NULL,
    rssi          real,
    snr           real,
    margin        real,
    PRIMARY KEY (bucket, gateway_id, device_id)
);

-- What gateways told of themselves: `reports` came in this hour, which is none while a gateway is cut off.
CREATE TABLE radio_report_hourly (
    bucket         timestamptz NOT NULL,
    gateway_id     integer NOT NULL,
    reports        integer NOT NULL,
    rx_received    bigint NOT NULL,
    rx_received_ok bigint NOT NULL,
    tx_received    bigint NOT NULL,
    tx_emitted     bigint NOT NULL,
    PRIMARY KEY (bucket, gateway_id)
);

-- Uplinks from before this version are worked off by the first run of maintenance.
