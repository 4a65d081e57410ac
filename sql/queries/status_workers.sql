-- The workers, how long each has been silent, and what the meter of missed events knows of all processes of that
-- name. Where two brokers have workers of one name, their places are told.
SELECT CASE WHEN count(*) OVER (PARTITION BY w.hostname) > 1 THEN w.hostname || ' at ' || w.source ELSE w.hostname END,
    w.sw_ident, w.sw_ver, w.sw_sys, w.pid, (extract(epoch FROM w.online_at) * 1000000)::bigint,
    (extract(epoch FROM w.heartbeat_at) * 1000000)::bigint, (extract(epoch FROM w.offline_at) * 1000000)::bigint,
    (extract(epoch FROM w.heard_at) * 1000000)::bigint,
    coalesce((extract(epoch FROM clock_timestamp() - w.heard_at) * 1000000)::bigint, -1), w.skew_us, w.freq_seconds,
    coalesce(w.active, -1), coalesce(w.processed, -1), m.processes, coalesce(m.processed, 0),
    coalesce(m.starts_seen, 0), coalesce(m.missed, 0)
FROM celery_workers w
CROSS JOIN LATERAL (SELECT count(*) AS processes, least(sum(processed), 9007199254740992)::int8 AS processed,
                           least(sum(starts_seen), 9007199254740992)::int8 AS starts_seen,
                           least(sum(missed), 9007199254740992)::int8 AS missed
                    FROM worker_missed_events e WHERE e.source = w.source AND e.hostname = w.hostname) m
ORDER BY w.hostname, w.source
