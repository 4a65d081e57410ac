-- Tasks that nobody knew, counted as the daemons count theirs. Returns how many.
WITH inserted AS (
    INSERT INTO background_task_trackers (
        task_id, created_at, updated_at, registered_at, registered_company, registered_name, registered_display_name,
        metadata, began_at, retried_at, progress_at, progress_value, succeeded_at, failed_at, error)
    SELECT task_id, created_at, updated_at, registered_at, registered_company, registered_name, registered_display_name,
        metadata, began_at, retried_at, progress_at, progress_value, succeeded_at, failed_at, error
    FROM adopt_rows WHERE reason IS NULL ORDER BY task_id
    ON CONFLICT (task_id) DO NOTHING
    RETURNING company_key,
        tracker_counted(completed_at, celery_state, sent_at, received_at, started_at, task_type) AS counted
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key)) FROM (SELECT DISTINCT company_key FROM inserted) touched
)
SELECT count(*), (SELECT * FROM woken), stats_add(array_agg(counted), NULL) FROM inserted
