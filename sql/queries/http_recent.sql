-- Behind http_see.sql: the company's tasks that ended within the last $8 seconds, newest first, at most $1, behind the
-- one that ended at $9 with id $10 (NULL: from the first on); filters as in http_active.sql. Stamps in microseconds.
SELECT * FROM (
    SELECT task_id, left(display_name, 512), status, progress, (extract(epoch FROM started_at) * 1000000)::bigint,
        task_type, celery_state, left(progress_text, 2000), retries,
        (extract(epoch FROM completed_at) * 1000000)::bigint, left(error_message, 2000), id, left(task_name, 512),
        NULL::text AS eta, NULL::text AS worry
    FROM background_task_trackers
    WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
        AND completed_at > now() - make_interval(secs => $8::float8)
        AND completed_at >= coalesce($4::timestamptz, '-infinity')
        AND completed_at < coalesce($5::timestamptz, 'infinity')
        AND (completed_at, id) < (coalesce($9::timestamptz, 'infinity'), coalesce($10::bigint, 0))
        AND ($2::text[] IS NULL OR status = ANY ($2))
        AND ($3::text[] IS NULL OR task_type = ANY ($3))
        AND ($6::text[] IS NULL OR task_id = ANY ($6))
        AND ($7::text IS NULL OR task_id = $7 OR root_id = $7)
    ORDER BY completed_at DESC, id DESC
    LIMIT 201) listed
LIMIT $1::bigint
