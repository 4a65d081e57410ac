-- Tasks that should wait in a queue of the broker and were silent for $1 microseconds: sent and never received, given
-- back, or cancelled; but not those that are due later, nor those that expired (statuses_expire.sql). One line a queue
-- in which it may be: where it was sent to, or what its last worker took tasks from. At most $2 tasks, the longest
-- silence first. Those whose worker was heard at another broker than $3 are another daemon's.
SELECT t.id, t.task_id, (extract(epoch FROM t.updated_at) * 1000000)::bigint,
    CASE WHEN t.missing_since > t.updated_at
        THEN (extract(epoch FROM now() - t.missing_since) * 1000000)::bigint ELSE -1 END,
    CASE WHEN t.received_at IS NULL THEN 0 WHEN t.cancelled_at >= coalesce(t.requeued_at, '-infinity') THEN 2 ELSE 1 END,
    q.queue
FROM (
    SELECT * FROM background_task_trackers
    WHERE completed_at IS NULL AND coalesce(worker_source, $3::text) = $3::text AND updated_at <= now() - $1::bigint * interval '1 microsecond'
        AND (celery_state = 'PENDING' AND sent_at IS NOT NULL
             OR celery_state = 'RECEIVED' AND greatest(requeued_at, cancelled_at) >= greatest(received_at, retried_at))
        AND coalesce(tracker_time(expires), 'infinity') > now()
        AND coalesce(tracker_time(eta), '-infinity') <= now() - $1::bigint * interval '1 microsecond'
    ORDER BY updated_at, id LIMIT $2::bigint) t
LEFT JOIN celery_workers w ON w.source = t.worker_source AND w.hostname = t.worker
CROSS JOIN LATERAL unnest(CASE WHEN t.queue IS NOT NULL THEN ARRAY[t.queue] ELSE w.queues END) AS q (queue)
ORDER BY t.updated_at, t.id
