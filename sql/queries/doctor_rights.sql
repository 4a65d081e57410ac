-- Whether the tables are there; what this role lacks of what the daemon needs, in words; whether row security hides rows
-- from it; whether it is a member of the writer's role, and has that role's rights by it.
WITH needs AS (
    SELECT object, hidden, is_function, to_regclass(format('%I.%I', current_setting('taskbridge.schema'), object)) AS id,
        unnest(string_to_array(privileges, ', ')) AS need
    FROM taskbridge_rights WHERE role = 'taskbridge_writer'
), lacking AS (
    SELECT object, string_agg(need, ', ' ORDER BY need) AS needs
    FROM needs WHERE id IS NOT NULL AND NOT is_function AND CASE
        WHEN hidden = '{}' THEN NOT has_table_privilege(id, need) ELSE NOT has_any_column_privilege(id, need) END
    GROUP BY object
), writer AS (
    SELECT pg_has_role(oid, 'MEMBER') AS is_member, pg_has_role(oid, 'USAGE') AS is_used
    FROM pg_roles WHERE rolname = 'taskbridge_writer'
)
SELECT to_regclass(format('%I.background_task_trackers', current_setting('taskbridge.schema'))) IS NOT NULL,
    (SELECT string_agg(needs || ' on ' || object, '; ' ORDER BY object) FROM lacking),
    coalesce((SELECT row_security_active(id) FROM needs WHERE object = 'background_task_trackers' LIMIT 1), false)
        AND NOT coalesce((SELECT is_used FROM writer), false),
    coalesce((SELECT is_member FROM writer), false), coalesce((SELECT is_used FROM writer), false)
