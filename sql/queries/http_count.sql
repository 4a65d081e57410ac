-- Behind http_see.sql, for a company of which http_totals.sql counts no further: how many of its tasks are active, ended
-- within the last $1 seconds, and of these failed.
SELECT (SELECT count(*) FROM background_task_trackers
        WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL),
    (SELECT count(*) FROM background_task_trackers
     WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL
         AND completed_at > now() - make_interval(secs => $1::float8)),
    (SELECT count(*) FROM background_task_trackers
     WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL AND succeeded_at IS NULL
         AND completed_at > now() - make_interval(secs => $1::float8))
