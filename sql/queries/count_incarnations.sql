-- One batch's heartbeats with counts ($4..$9) and started events ($10..$12), one row a worker's process. Batch $3 of
-- run $2 of instance $1 may have been committed before, its answer lost: then its starts were counted. Those that
-- mark_starts.sql found were counted by another batch. Heartbeats may come as often as they like.
--
-- A later heartbeat that counts less is another process with the same number: it begins anew. What comes of the former
-- one after that is left out, as is, within a batch, what came of it before.
WITH beats AS (
    SELECT hostname, pid, CASE WHEN last_processed < first_processed THEN last_at ELSE first_at END AS first_at,
        least(first_processed, last_processed) AS first_processed, last_at, last_processed
    FROM unnest($4::text[], $5::int8[], $6::timestamptz[], $7::int8[], $8::timestamptz[], $9::int8[])
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
ON CONFLICT (source, hostname, pid) DO UPDATE SET
    (first_heartbeat_at, first_processed, last_heartbeat_at, last_processed, former_processed, former_starts,
     starts_seen, open_starts) = (
        SELECT first_at, first_processed, last_at, last_processed, former_processed, former_starts,
            seen + worker_starts_between(open, first_at, last_at), worker_starts_open(open, first_at, last_at)
        FROM (
            SELECT CASE WHEN begins THEN excluded.first_heartbeat_at
                        WHEN is_former THEN i.first_heartbeat_at
                        ELSE least(i.first_heartbeat_at, excluded.first_heartbeat_at) END AS first_at,
                CASE WHEN begins OR NOT is_former AND (excluded.first_heartbeat_at, excluded.first_processed) <
                        (coalesce(i.first_heartbeat_at, 'infinity'), i.first_processed)
                    THEN excluded.first_processed ELSE i.first_processed END AS first_processed,
                greatest(i.last_heartbeat_at, excluded.last_heartbeat_at) AS last_at,
                CASE WHEN (excluded.last_heartbeat_at, excluded.last_processed) >
                        (coalesce(i.last_heartbeat_at, '-infinity'), i.last_processed)
                    THEN excluded.last_processed ELSE i.last_processed END AS last_processed,
                worker_count(worker_count(i.former_processed) + CASE WHEN begins
                    THEN worker_count(i.last_processed) - worker_count(i.first_processed) ELSE 0 END)
                    AS former_processed,
                i.former_starts + CASE WHEN begins THEN i.starts_seen ELSE 0 END AS former_starts,
                CASE WHEN begins THEN 0 ELSE i.starts_seen END
                    + CASE WHEN is_former THEN 0 ELSE excluded.starts_seen END AS seen,
                i.open_starts || excluded.open_starts AS open
            FROM (VALUES (
                coalesce(excluded.first_heartbeat_at > i.last_heartbeat_at
                         AND excluded.first_processed < i.last_processed, false),
                coalesce(excluded.last_heartbeat_at < i.first_heartbeat_at
                         AND excluded.last_processed > i.first_processed, false))) AS kind (begins, is_former)) joined),
    updated_at = now()
