-- What is kept of charging bays when cases and messages are too old: counts per station and month, nothing of a single
-- case or moment. `figures` is what alerts/statistics/figures.py adds up.
CREATE TABLE parking_month (
    month    date NOT NULL CHECK (month = date_trunc('month', month)),
    site     text NOT NULL,
    name     text NOT NULL DEFAULT '',
    district text NOT NULL DEFAULT '',
    figures  jsonb NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (month, site)
);

CREATE INDEX alert_due_idx ON alert (due_at);
