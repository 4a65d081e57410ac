-- The last run of each maintenance job that came to an end: how it ended, and seconds since it began.
SELECT DISTINCT ON (job) job, outcome, left(detail, 200), floor(extract(epoch FROM clock_timestamp() - started_at))::int8
FROM maintenance_runs WHERE outcome NOT IN ('requested', 'running') ORDER BY job, id DESC
