-- Company $1: its name, how many of its tasks are active and how many ended, the database's clock in microseconds.
SELECT (SELECT name FROM companies WHERE id = $1::text),
    (SELECT count(*) FROM background_task_trackers WHERE company_key = $1::text AND completed_at IS NULL),
    (SELECT count(*) FROM background_task_trackers WHERE company_key = $1::text AND completed_at IS NOT NULL),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
