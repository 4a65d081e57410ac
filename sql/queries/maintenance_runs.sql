-- What maintenance did lately: the newest $1 runs.
SELECT job, instance, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), outcome, detail, rows,
       floor(extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at) * 1000)::bigint
FROM maintenance_runs ORDER BY id DESC LIMIT $1::bigint
