-- Behind http_caller.sql: the company's name, how many of its tasks are active and how many ended, and the database's
-- clock in microseconds.
SELECT (SELECT name FROM companies WHERE id = current_setting('taskbridge.company')),
    (SELECT count(*) FROM background_task_trackers
     WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NULL),
    (SELECT count(*) FROM background_task_trackers
     WHERE company_key = current_setting('taskbridge.company') AND completed_at IS NOT NULL),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
