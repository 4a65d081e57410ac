-- Whether this role, if the HTTP module has it too, may act as taskbridge_reader; whether it has a reader's rights by
-- itself; whether row security binds it then; and which roles that log in are members of taskbridge_reader in a way that
-- is of no use: from PostgreSQL 16 on, who creates a role is a member without SET and without INHERIT.
WITH reader AS (
    SELECT oid FROM pg_roles WHERE rolname = 'taskbridge_reader'
)
SELECT may_act_as('taskbridge_reader'),
    has_any_column_privilege('background_task_trackers', 'SELECT') AND has_any_column_privilege('api_tokens', 'SELECT')
        AND has_function_privilege('token_find(bytea)', 'EXECUTE'),
    row_security_active('background_task_trackers'),
    (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM (
        SELECT m.rolname FROM reader JOIN pg_auth_members a ON a.roleid = reader.oid
        JOIN pg_roles m ON m.oid = a.member AND m.rolcanlogin
        WHERE NOT may_act_as('taskbridge_reader', m.rolname) AND NOT pg_has_role(m.oid, reader.oid, 'USAGE')
        GROUP BY m.rolname ORDER BY m.rolname LIMIT 5) useless)
