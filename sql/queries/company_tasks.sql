-- Company $1's tasks, the newest first: behind id $2 or NULL, in a status out of $3, of a type out of $4, made from $5 on
-- and before $6 (microseconds), $7 at most; NULL excludes nothing. Columns as in http_tasks.sql. Its two indexes are
-- partial, one for what is active and one for what ended, so each is asked.
SELECT id, (extract(epoch FROM created_at) * 1000000)::bigint, task_id, display_name,
    coalesce(task_type, substring(task_name FROM '[^.]*$')), status, celery_state, progress, progress_text,
    (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM completed_at) * 1000000)::bigint,
    error_message, company_key, retries, worker, queue
FROM (SELECT * FROM background_task_trackers WHERE company_key = $1::text AND completed_at IS NULL
      UNION ALL
      SELECT * FROM background_task_trackers WHERE company_key = $1::text AND completed_at IS NOT NULL) t
WHERE id < coalesce($2::bigint, 9223372036854775807)
    AND ($3::text[] IS NULL OR status = ANY ($3::text[]))
    AND ($4::text[] IS NULL OR coalesce(task_type, substring(task_name FROM '[^.]*$')) = ANY ($4::text[]))
    AND ($5::bigint IS NULL OR created_at >= to_timestamp(0) + $5::bigint * interval '1 microsecond')
    AND ($6::bigint IS NULL OR created_at < to_timestamp(0) + $6::bigint * interval '1 microsecond')
ORDER BY id DESC
LIMIT $7::bigint
