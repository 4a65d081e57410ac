-- Goes on as the owner of what is there, so that all has one owner: who that is where this role may not become it, no
-- row where it may. A superuser migrates that way without leaving tables of its own behind.
WITH owner AS (
    SELECT r.rolname, r.oid FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.oid = to_regclass('taskbridge_migrations') AND r.rolname <> current_user
), becoming AS MATERIALIZED (
    SELECT rolname, CASE WHEN may THEN set_config('role', rolname, false) END AS became
    FROM (SELECT rolname, pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER'
                                                ELSE 'SET' END) AS may FROM owner) asked
)
SELECT rolname FROM becoming WHERE became IS NULL
