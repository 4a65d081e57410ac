-- Of the 500 newest tasks: how many there are, how many came to a worker, and of these how many were seen being sent;
-- how many with a name have no company though they should, and the names of most of these. Then the tasks called lost within a day.
WITH newest AS (
    SELECT coalesce(name, received_name) AS name, sent_at, received_at, company_key, belongs_to_nobody, created_at
    FROM background_task_trackers ORDER BY id DESC LIMIT 500
), without AS (
    SELECT name, count(*) AS times FROM newest
    WHERE company_key IS NULL AND NOT belongs_to_nobody AND name IS NOT NULL AND created_at < now() - interval '10 seconds' GROUP BY name
), named AS (
    SELECT left(name, 80) AS name, times FROM without ORDER BY times DESC, name LIMIT 3
)
SELECT (SELECT count(*) FROM newest), (SELECT count(*) FROM newest WHERE received_at IS NOT NULL),
    (SELECT count(*) FROM newest WHERE received_at IS NOT NULL AND sent_at IS NOT NULL),
    (SELECT coalesce(sum(times), 0)::int8 FROM without),
    (SELECT string_agg(format('%s (%s)', name, times), ', ' ORDER BY times DESC, name) FROM named),
    (SELECT count(*) FROM background_task_trackers
     WHERE lost_at > now() - interval '1 day' AND celery_state = 'LOST')
