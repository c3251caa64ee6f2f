-- Payloads that wait for their other parts: few, and looked for at every start.
CREATE INDEX uplink_fragment_idx ON uplink (ns_time) WHERE outcome = 'fragment';
