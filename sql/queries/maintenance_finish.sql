-- Run $1 ended as $2, having touched $3 rows; $4 says more.
UPDATE maintenance_runs SET outcome = $2::text, rows = $3::bigint, detail = $4::text, finished_at = clock_timestamp()
WHERE id = $1::bigint
