-- The workers that were heard of within a day: how long each has been silent (-1: never heard), whether it said
-- goodbye, its clock's skew, and of its present process the tasks it took up and the started events that came; then
-- the meter of missed events over all its processes of that day that sent any; and its version of Celery. Times in microseconds.
SELECT CASE WHEN count(*) OVER (PARTITION BY w.hostname) > 1 THEN w.hostname || ' at ' || w.source ELSE w.hostname END,
    coalesce((extract(epoch FROM clock_timestamp() - w.heard_at) * 1000000)::int8, -1),
    coalesce(w.offline_at >= coalesce(w.heartbeat_at, '-infinity'), false), coalesce(w.freq_seconds, 0)::float8,
    coalesce(w.skew_us, 0), coalesce(worker_count(i.last_processed) - worker_count(i.first_processed), 0),
    coalesce(i.starts_seen + cardinality(i.open_starts), 0), coalesce(m.processed, 0), coalesce(m.missed, 0), w.sw_ver
FROM celery_workers w
LEFT JOIN worker_incarnations i ON i.source = w.source AND i.hostname = w.hostname AND i.pid = w.pid
CROSS JOIN LATERAL (SELECT least(sum(e.processed), 9007199254740992)::int8 AS processed,
                           least(sum(e.missed), 9007199254740992)::int8 AS missed
                    FROM worker_missed_events e
                    WHERE e.source = w.source AND e.hostname = w.hostname AND e.starts_seen > 0
                        AND e.last_heartbeat_at > now() - interval '1 day') m
WHERE w.heard_at > now() - interval '1 day'
ORDER BY w.hostname, w.source LIMIT 1000
