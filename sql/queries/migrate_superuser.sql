-- What only somebody with more rights than this role can do, one statement a row.
WITH me AS (
    SELECT rolsuper OR rolcreaterole AS may_create_roles FROM pg_roles WHERE rolname = current_user
)
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I;', current_setting('taskbridge.schema'), current_user)
WHERE to_regnamespace(quote_ident(current_setting('taskbridge.schema'))) IS NULL
    AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT format('CREATE ROLE %I NOLOGIN ROLE %I;', wanted, current_user)
FROM me, unnest(ARRAY['taskbridge_writer', 'taskbridge_reader', 'taskbridge_app']) wanted
WHERE NOT may_create_roles AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
