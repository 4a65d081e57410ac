-- Workers at broker $2 that were heard of within $1 microseconds: their names, whether it is due to ask which queues they take tasks
-- from (never asked since they came online, or an hour ago), and whether they run tasks without a word of them.
SELECT w.hostname,
    (w.queues_at IS NULL OR w.queues_at < w.online_at OR w.queues_at < now() - interval '1 hour')::int,
    coalesce((SELECT bool_or(m.missed > 0 AND 2 * m.missed >= m.processed) FROM worker_missed_events m
              WHERE m.source = w.source AND m.hostname = w.hostname
                  AND m.last_heartbeat_at > w.heartbeat_at - interval '1 minute'), false)::int
FROM celery_workers w
WHERE w.source = $2::text AND w.heard_at > now() - $1::bigint * interval '1 microsecond'
    AND (w.offline_at >= greatest(w.online_at, w.heartbeat_at)) IS NOT TRUE
ORDER BY w.hostname
LIMIT 1000
