-- The newest tasks, behind ($1 created_at in microseconds or NULL, $2 id): those of company $3, in a status out of
-- $4, of a type out of $5, created from $6 on and before $7, on worker $8, $9 at most; NULL excludes nothing.
SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint, task_id, display_name,
    coalesce(task_type, substring(task_name FROM '[^.]*$')), status, celery_state, progress, progress_text,
    (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM completed_at) * 1000000)::bigint,
    error_message, company_key, retries, worker, queue
FROM background_task_trackers
WHERE ($1::bigint IS NULL OR (created_at, id) < (to_timestamp(0) + $1::bigint * interval '1 microsecond', $2::bigint))
    AND ($3::text IS NULL OR company_key = $3::text)
    AND ($4::text[] IS NULL OR status = ANY ($4::text[]))
    AND ($5::text[] IS NULL OR coalesce(task_type, substring(task_name FROM '[^.]*$')) = ANY ($5::text[]))
    AND ($6::bigint IS NULL OR created_at >= to_timestamp(0) + $6::bigint * interval '1 microsecond')
    AND ($7::bigint IS NULL OR created_at < to_timestamp(0) + $7::bigint * interval '1 microsecond')
    AND ($8::text IS NULL OR worker = $8::text)
ORDER BY created_at DESC, id DESC
LIMIT $9::bigint
