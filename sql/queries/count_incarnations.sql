-- One batch's heartbeats with counts ($4..$9) and started events ($10..$12), one row a worker's process. Batch $3 of
-- run $2 of instance $1 may have been committed before, its answer lost: then its starts were counted. Those that
-- mark_starts.sql found were counted by another batch. Heartbeats may come as often as they like.
WITH beats AS (
    SELECT * FROM unnest($4::text[], $5::int8[], $6::timestamptz[], $7::int8[], $8::timestamptz[], $9::int8[])
        AS e (hostname, pid, first_at, first_processed, last_at, last_processed)
), starts AS (
    SELECT hostname, pid, array_agg(stamp) AS stamps
    FROM unnest($10::text[], $11::int8[], $12::timestamptz[]) WITH ORDINALITY AS e (hostname, pid, stamp, place)
    WHERE (place = ANY (coalesce(nullif(current_setting('taskbridge.counted_starts', true), ''), '{}')::int8[]))
            IS NOT TRUE
        AND NOT EXISTS (SELECT FROM bridge_instances b
                        WHERE b.instance = $1::text AND b.run = $2::text AND b.batch_number >= $3::bigint)
    GROUP BY hostname, pid
)
INSERT INTO worker_incarnations AS i (hostname, pid, first_heartbeat_at, first_processed, last_heartbeat_at,
                                      last_processed, starts_seen, open_starts)
SELECT hostname, pid, first_at, first_processed, last_at, last_processed,
    worker_starts_between(stamps, first_at, last_at), worker_starts_open(stamps, first_at, last_at)
FROM beats FULL JOIN starts USING (hostname, pid)
ORDER BY hostname, pid
ON CONFLICT (hostname, pid) DO UPDATE SET
    first_heartbeat_at = least(i.first_heartbeat_at, excluded.first_heartbeat_at),
    first_processed = CASE WHEN (excluded.first_heartbeat_at, excluded.first_processed) <
            (coalesce(i.first_heartbeat_at, 'infinity'), i.first_processed)
        THEN excluded.first_processed ELSE i.first_processed END,
    last_heartbeat_at = greatest(i.last_heartbeat_at, excluded.last_heartbeat_at),
    last_processed = CASE WHEN (excluded.last_heartbeat_at, excluded.last_processed) >
            (coalesce(i.last_heartbeat_at, '-infinity'), i.last_processed)
        THEN excluded.last_processed ELSE i.last_processed END,
    starts_seen = i.starts_seen + excluded.starts_seen + worker_starts_between(
        i.open_starts || excluded.open_starts,
        least(i.first_heartbeat_at, excluded.first_heartbeat_at),
        greatest(i.last_heartbeat_at, excluded.last_heartbeat_at)),
    open_starts = worker_starts_open(
        i.open_starts || excluded.open_starts,
        least(i.first_heartbeat_at, excluded.first_heartbeat_at),
        greatest(i.last_heartbeat_at, excluded.last_heartbeat_at)),
    updated_at = now()
