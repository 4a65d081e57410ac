-- Begins a run of job $1 on instance $2, unless one of all daemons' began less than $3 seconds ago. What a person
-- asked for begins anyway: here ($4), or of a daemon, whose run the request then becomes. Runs that say they are
-- running are not, for this connection has the lock. Returns the run's id or NULL, the microseconds until the next
-- is due, and how many more were asked for.
WITH last AS (
    SELECT coalesce(max(started_at) + make_interval(secs => $3::float8), '-infinity') AS due_at
    FROM maintenance_runs WHERE job = $1::text AND outcome IN ('done', 'failed') AND NOT manual
), abandoned AS (
    UPDATE maintenance_runs SET outcome = 'abandoned', finished_at = now(),
        detail = 'its daemon ended or lost the database'
    WHERE job = $1::text AND outcome = 'running'
), bounded AS (
    DELETE FROM maintenance_runs WHERE job = $1::text AND id <= (
        SELECT id FROM maintenance_runs WHERE job = $1::text ORDER BY id DESC OFFSET 999 LIMIT 1)
), requested AS (
    UPDATE maintenance_runs SET outcome = 'running', instance = $2::text, started_at = clock_timestamp()
    WHERE id = (SELECT min(id) FROM maintenance_runs WHERE job = $1::text AND outcome = 'requested')
        AND outcome = 'requested'
    RETURNING id
), begun AS (
    INSERT INTO maintenance_runs (job, instance, manual)
    SELECT $1::text, $2::text, $4::bool FROM last
    WHERE NOT EXISTS (SELECT FROM requested) AND ($4::bool OR due_at <= now())
    RETURNING id
)
SELECT (SELECT id FROM requested UNION ALL SELECT id FROM begun),
       CASE WHEN due_at > now() THEN ceil(extract(epoch FROM due_at - now()) * 1000000)::bigint ELSE 0 END,
       (SELECT count(*) FROM maintenance_runs WHERE job = $1::text AND outcome = 'requested')
           - (SELECT count(*) FROM requested)
FROM last
