-- $2 asks the daemons for a run of job $1. Returns the run's id.
WITH requested AS (
    INSERT INTO maintenance_runs (job, instance, manual, outcome) VALUES ($1::text, $2::text, true, 'requested')
    RETURNING id
)
SELECT id, pg_notify('taskbridge_maintenance', $1::text)::text FROM requested
