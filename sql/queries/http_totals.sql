-- Behind http_see.sql: the company's name; how many of its tasks are active, ended within the last $7 seconds, and of
-- these failed, each counted to 10,001 at most; whether there is any row of it at all; when the first that ended leaves
-- those seconds; and the database's clock. Filters as in http_active.sql, one place earlier. Stamps in microseconds.
SELECT (SELECT name FROM companies WHERE id = current_setting('taskbridge.company')),
    (SELECT count(*) FROM (
        SELECT FROM background_task_trackers
        WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL
            AND ($1::text[] IS NULL OR status = ANY ($1))
            AND ($2::text[] IS NULL OR task_type = ANY ($2))
            AND ($3::timestamptz IS NULL OR coalesce(started_at, first_at) >= $3)
            AND ($4::timestamptz IS NULL OR coalesce(started_at, first_at) < $4)
            AND ($5::text[] IS NULL OR task_id = ANY ($5))
            AND ($6::text IS NULL OR task_id = $6 OR root_id = $6)
        LIMIT 10001) active),
    (SELECT count(*) FROM (
        SELECT FROM background_task_trackers
        WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
            AND completed_at > now() - make_interval(secs => $7::float8)
            AND completed_at >= coalesce($3::timestamptz, '-infinity')
            AND completed_at < coalesce($4::timestamptz, 'infinity')
            AND ($1::text[] IS NULL OR status = ANY ($1))
            AND ($2::text[] IS NULL OR task_type = ANY ($2))
            AND ($5::text[] IS NULL OR task_id = ANY ($5))
            AND ($6::text IS NULL OR task_id = $6 OR root_id = $6)
        LIMIT 10001) ended),
    (SELECT count(*) FROM (
        SELECT FROM background_task_trackers
        WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
            AND succeeded_at IS NULL
            AND completed_at > now() - make_interval(secs => $7::float8)
            AND completed_at >= coalesce($3::timestamptz, '-infinity')
            AND completed_at < coalesce($4::timestamptz, 'infinity')
            AND ($1::text[] IS NULL OR status = ANY ($1))
            AND ($2::text[] IS NULL OR task_type = ANY ($2))
            AND ($5::text[] IS NULL OR task_id = ANY ($5))
            AND ($6::text IS NULL OR task_id = $6 OR root_id = $6)
        LIMIT 10001) failed),
    EXISTS (SELECT FROM background_task_trackers
            WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL)
        OR EXISTS (SELECT FROM background_task_trackers
                   WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL),
    (SELECT (extract(epoch FROM min(completed_at) + make_interval(secs => $7::float8)) * 1000000)::bigint
     FROM background_task_trackers
     WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
         AND completed_at > now() - make_interval(secs => $7::float8)),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
