-- The steps of a day are stored as its hours go by, and no longer only when the day is over: its last hour is marked, so
-- that the next pass of maintenance stores what there is of it.
INSERT INTO rollup_touched (kind, hour)
SELECT w.kind, w.stored_before - interval '1 hour' FROM rollup_watermark AS w WHERE w.kind <> 'radio';
