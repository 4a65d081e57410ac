-- Whether the tables are there, what this role lacks of what the daemon needs, in words, and whether row security hides
-- rows from it.
WITH needs AS (
    SELECT name, need FROM unnest(ARRAY['background_task_trackers', 'celery_workers', 'worker_incarnations',
            'dead_letters', 'bridge_instances', 'event_types', 'maintenance_runs', 'commands']) name
        CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) WITH ORDINALITY AS rights (need, place)
    UNION ALL
    SELECT name, 'SELECT' FROM unnest(ARRAY['worker_missed_events', 'companies', 'company_members']) name
), known AS (
    SELECT to_regclass(format('%I.%I', current_setting('taskbridge.schema'), name)) AS id, name, need FROM needs
), lacking AS (
    SELECT name, string_agg(need, ', ' ORDER BY need) AS needs
    FROM known WHERE id IS NOT NULL AND NOT has_table_privilege(id, need) GROUP BY name
)
SELECT EXISTS (SELECT FROM known WHERE name = 'background_task_trackers' AND id IS NOT NULL),
    (SELECT string_agg(needs || ' on ' || name, '; ' ORDER BY name) FROM lacking),
    coalesce((SELECT row_security_active(id) FROM known WHERE name = 'background_task_trackers' LIMIT 1), false)
        AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskbridge_writer' AND pg_has_role(oid, 'USAGE'))
