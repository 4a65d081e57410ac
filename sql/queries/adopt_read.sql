-- The next $2 rows behind the one with the id $1 (NULL: from the first) as facts of which people see the same. What is
-- pending but has begun waits for a retry; what runs since nobody knows when runs since it was heard of last.
INSERT INTO adopt_rows (
    old_id, old_place, old_rank, old_company, old_status, old_progress, old_started_at, old_completed_at, old_error,
    task_id, created_at, updated_at, registered_at, registered_company, registered_name, registered_display_name,
    metadata, began_at, retried_at, progress_at, progress_value, succeeded_at, failed_at, error)
SELECT id::text, row_number() OVER (ORDER BY id),
    row_number() OVER (PARTITION BY task_id ORDER BY heard_at DESC, id DESC),
    company_id, status, progress, started_at, completed_at, error_message,
    task_id, created_at, heard_at, created_at, company_find(company_id, format), nullif(task_name, ''),
    nullif(display_name, ''), coalesce(metadata, '{}'),
    coalesce(started_at, CASE WHEN status = 'running' THEN heard_at END),
    CASE WHEN status = 'pending' AND started_at IS NOT NULL THEN
        greatest(started_at + interval '1 microsecond', heard_at) END,
    CASE WHEN progress > 0 THEN greatest(created_at, started_at + interval '1 microsecond', heard_at) END,
    CASE WHEN progress > 0 THEN progress END,
    CASE WHEN status = 'success' THEN completed_at END,
    CASE WHEN status = 'failed' THEN completed_at END,
    CASE WHEN status = 'failed' THEN nullif(error_message, '') END
FROM (
    SELECT *, coalesce(updated_at, greatest(created_at, started_at, completed_at)) AS heard_at FROM adopt_source
    WHERE id > $1 OR $1 IS NULL ORDER BY id LIMIT $2::bigint) batch
CROSS JOIN (SELECT company_format() AS format) configured
