-- Tasks of all companies, the newest first: behind id $1 or NULL, in a status out of $2, of a type out of $3, made from
-- $4 on and before $5 (microseconds), on worker $6, $7 at most; NULL excludes nothing. For operators.
SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint, task_id, display_name,
    coalesce(task_type, substring(task_name FROM '[^.]*$')), status, celery_state, progress, progress_text,
    (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM completed_at) * 1000000)::bigint,
    error_message, company_key, retries, worker, queue
FROM background_task_trackers
WHERE id < coalesce($1::bigint, 9223372036854775807)
    AND ($2::text[] IS NULL OR status = ANY ($2::text[]))
    AND ($3::text[] IS NULL OR coalesce(task_type, substring(task_name FROM '[^.]*$')) = ANY ($3::text[]))
    AND ($4::bigint IS NULL OR created_at >= to_timestamp(0) + $4::bigint * interval '1 microsecond')
    AND ($5::bigint IS NULL OR created_at < to_timestamp(0) + $5::bigint * interval '1 microsecond')
    AND ($6::text IS NULL OR worker = $6::text)
ORDER BY id DESC
LIMIT $7::bigint
