-- Which queues workers at broker $3 take tasks from: $1 names, $2 of whom; a worker may have several lines.
UPDATE celery_workers w SET queues = told.queues, queues_at = now()
FROM (SELECT hostname, array_agg(queue ORDER BY queue) AS queues FROM unnest($1::text[], $2::text[]) AS e (queue, hostname)
      GROUP BY hostname) told
WHERE w.source = $3::text AND w.hostname = told.hostname
