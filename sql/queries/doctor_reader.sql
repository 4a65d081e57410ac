-- Whether this role, if the HTTP module has it too, may act as taskbridge_reader; whether it has a reader's rights by
-- itself; whether row security binds it then; and which roles that log in are members of taskbridge_reader in a way that
-- is of no use, as they can be from PostgreSQL 16 on (who created a role is such a member, but of ADMIN, and left out).
-- It asks the catalogue alone, for who has no right may not even name what it has no right on.
WITH reader AS (
    SELECT oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END AS set_right
    FROM pg_roles WHERE rolname = 'taskbridge_reader'
), here AS (
    SELECT n.oid,
        (SELECT oid FROM pg_class WHERE relnamespace = n.oid AND relname = 'background_task_trackers') AS trackers,
        (SELECT oid FROM pg_class WHERE relnamespace = n.oid AND relname = 'api_tokens') AS tokens,
        (SELECT min(oid) FROM pg_proc WHERE pronamespace = n.oid AND proname = 'token_find') AS find
    FROM pg_namespace n WHERE n.nspname = current_setting('taskbridge.schema')
)
SELECT coalesce((SELECT pg_has_role(oid, set_right) FROM reader), false),
    has_schema_privilege(here.oid, 'USAGE') AND has_any_column_privilege(here.trackers, 'SELECT')
        AND has_any_column_privilege(here.tokens, 'SELECT') AND has_function_privilege(here.find, 'EXECUTE'),
    row_security_active(here.trackers),
    (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM (
        SELECT m.rolname FROM reader JOIN pg_auth_members a ON a.roleid = reader.oid AND NOT a.admin_option
        JOIN pg_roles m ON m.oid = a.member AND m.rolcanlogin
        WHERE NOT pg_has_role(m.oid, reader.oid, set_right) AND NOT pg_has_role(m.oid, reader.oid, 'USAGE')
        GROUP BY m.rolname ORDER BY m.rolname LIMIT 5) useless)
FROM here
