-- Rows by status, dead letters, companies, tokens, and the server itself.
SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'running'),
    count(*) FILTER (WHERE status = 'success'), count(*) FILTER (WHERE status = 'failed'),
    count(*) FILTER (WHERE celery_state = 'LOST'), count(*) FILTER (WHERE company_key IS NULL AND NOT belongs_to_nobody),
    (SELECT count(*) FROM dead_letters), (SELECT count(*) FROM dead_letters WHERE retried_at IS NULL),
    (SELECT count(*) FROM companies),
    (SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())),
    (extract(epoch FROM min(created_at) FILTER (WHERE completed_at IS NULL)) * 1000000)::bigint,
    pg_database_size(current_database()), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
    current_setting('server_version')
FROM background_task_trackers
