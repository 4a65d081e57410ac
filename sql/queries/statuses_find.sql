-- Tasks that a worker should have and that were silent for $3 microseconds; those in RETRY, which may have been taken
-- up again; and those called lost whose worker was heard since and did not yet say that it does not have them. The
-- longest silence first; the next $4 behind ($1, $2). Ages are by the database's clock, as updated_at is; heard_at is
-- by the daemons'. Only of workers that are heard where this daemon hears ($5). A task that was given back to the broker (requeued) waits there, whatever its worker says.
--
-- A name is shared when two processes that use it beat after the last one of them came online, within the same time.
SELECT t.id, t.task_id, t.state, t.worker,
       (extract(epoch FROM t.updated_at) * 1000000)::bigint,
       (extract(epoch FROM now() - t.updated_at) * 1000000)::bigint,
       CASE WHEN t.missing_since > t.updated_at
            THEN (extract(epoch FROM now() - t.missing_since) * 1000000)::bigint ELSE -1 END,
       (extract(epoch FROM w.heard_at) * 1000000)::bigint,
       w.freq_seconds,
       coalesce(w.online_at > greatest(t.received_at, t.began_at, t.alive_at), false)::int,
       t.is_lost::int,
       ((SELECT count(*) FROM worker_incarnations i
         WHERE i.source = t.worker_source AND i.hostname = t.worker
           AND i.last_heartbeat_at > coalesce(w.online_at, '-infinity')
           AND i.last_heartbeat_at > w.heartbeat_at - $3::bigint * interval '1 microsecond') > 1)::int,
       coalesce((SELECT bool_or(m.missed > 0 AND 2 * m.missed >= m.processed) FROM worker_missed_events m
                 WHERE m.source = t.worker_source AND m.hostname = t.worker
                     AND m.last_heartbeat_at > w.heartbeat_at - interval '1 minute'), false)::int
FROM (
    SELECT *, celery_state AS state, false AS is_lost
    FROM background_task_trackers
    WHERE completed_at IS NULL AND celery_state IN ('RECEIVED', 'STARTED', 'PROGRESS', 'RETRY')
      AND (greatest(requeued_at, cancelled_at) >= greatest(received_at, retried_at) AND celery_state = 'RECEIVED') IS NOT TRUE
      AND updated_at <= now() - $3::bigint * interval '1 microsecond'
    UNION ALL
    SELECT *, tracker_celery_state(sent_at, received_at, began_at, retried_at, requeued_at, cancelled_at, succeeded_at, failed_at,
                                   revoked_at, rejected_at, alive_at, NULL), true
    FROM background_task_trackers
    WHERE lost_at IS NOT NULL AND celery_state = 'LOST' AND (missing_since > updated_at) IS NOT TRUE) t
LEFT JOIN celery_workers w ON w.source = t.worker_source AND w.hostname = t.worker
WHERE t.worker IS NOT NULL AND t.worker_source = $5::text AND (NOT t.is_lost OR w.heard_at > t.updated_at)
  AND (t.updated_at, t.id) > (coalesce($1::timestamptz, '-infinity'), $2::bigint)
ORDER BY t.updated_at, t.id
LIMIT $4::bigint
