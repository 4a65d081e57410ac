-- Starts of a batch that are not their task's last ($1 task ids, $2 stamps): with it they are all the starts of a task
-- that began more than once.
UPDATE background_task_trackers t SET starts = starts_united(coalesce(t.starts, ARRAY[t.began_at]), e.starts)
FROM (SELECT task_id, array_agg(start) AS starts FROM unnest($1::text[], $2::timestamptz[]) AS e (task_id, start)
      GROUP BY task_id) e
WHERE t.task_id = e.task_id
