-- What taskbridge_rights says and is not so, and what a role has of what is hidden from it, one a row in words; and
-- whether it is the role itself that is missing.
WITH rights AS (
    SELECT role, object, to_regclass(format('%I.%I', current_setting('taskbridge.schema'), object)) AS id, is_function,
        hidden, unnest(string_to_array(privileges, ', ')) AS privilege
    FROM taskbridge_rights
), here AS (
    SELECT quote_ident(current_setting('taskbridge.schema')) AS name
), asked AS (
    SELECT r.role, r.object, r.privilege, CASE
        WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r.role) THEN NULL
        WHEN is_function THEN (
            SELECT bool_and(has_function_privilege(r.role, p.oid, r.privilege)) FROM pg_proc p
            WHERE p.pronamespace = here.name::regnamespace AND p.proname = r.object)
        WHEN hidden = '{}' THEN has_table_privilege(r.role, r.id, r.privilege)
        ELSE (
            SELECT bool_and(has_column_privilege(r.role, a.attrelid, a.attnum, r.privilege)) FROM pg_attribute a
            WHERE a.attrelid = r.id AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (hidden)) END AS has
    FROM rights r CROSS JOIN here
)
SELECT format('the role %s is missing', role), true FROM (SELECT DISTINCT role FROM taskbridge_rights) wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)
UNION ALL
SELECT format('%s lacks USAGE on schema %s', role, here.name), false
FROM (SELECT DISTINCT role FROM taskbridge_rights) wanted JOIN pg_roles ON rolname = role CROSS JOIN here
WHERE NOT has_schema_privilege(role, here.name::regnamespace, 'USAGE')
UNION ALL
SELECT format('%s lacks %s on %s', role, string_agg(privilege, ', ' ORDER BY privilege), object), false
FROM asked WHERE NOT has GROUP BY role, object
UNION ALL
SELECT format('%s may %s %s of %s, and should not', r.role, r.privilege, string_agg(a.attname, ', '), r.object), false
FROM rights r JOIN pg_roles ON rolname = r.role
JOIN pg_attribute a ON a.attrelid = r.id AND a.attname = ANY (r.hidden)
WHERE CASE WHEN a.attname = ANY (r.hidden) THEN has_column_privilege(r.role, a.attrelid, a.attnum, r.privilege) END
GROUP BY r.role, r.privilege, r.object
