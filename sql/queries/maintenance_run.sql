-- Run $1, as maintenance_runs.sql shows it.
SELECT job, instance, to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), outcome, detail, rows,
       floor(extract(epoch FROM coalesce(finished_at, clock_timestamp()) - started_at) * 1000)::bigint
FROM maintenance_runs WHERE id = $1::bigint
