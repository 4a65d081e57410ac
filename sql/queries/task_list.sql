-- Tasks for an operator, the newest first, at most $1, with a smaller id than $2 (NULL: from the newest on); those of
-- status or state $3, company $4, type or name $5, worker $6, first seen within $7 seconds, where not NULL. Stamps in
-- microseconds. left() bounds what an answer may weigh.
SELECT id, task_id, celery_state, left(display_name, 200), company_key, left(worker, 200), progress,
    (extract(epoch FROM first_at) * 1000000)::int8, (extract(epoch FROM started_at) * 1000000)::int8,
    (extract(epoch FROM completed_at) * 1000000)::int8, left(error_message, 1000)
FROM background_task_trackers
WHERE ($2::int8 IS NULL OR id < $2::int8)
    AND ($3::text IS NULL OR status = lower($3::text) OR celery_state = upper($3::text))
    AND ($4::text IS NULL OR company_key = $4::text)
    AND ($5::text IS NULL OR $5::text IN (task_type, task_name))
    AND ($6::text IS NULL OR worker = $6::text)
    AND ($7::int8 IS NULL OR first_at > now() - make_interval(secs => $7::int8))
ORDER BY id DESC
LIMIT $1::int8
