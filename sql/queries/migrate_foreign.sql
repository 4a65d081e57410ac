-- What stands in the schema before the first step, and would stand among ours for ever: names, or NULL.
SELECT string_agg(relname, ', ' ORDER BY relname) FROM (
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = quote_ident(current_setting('taskbridge.schema'))::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT starts_with(c.relname::text, 'taskbridge_')
        AND NOT EXISTS (SELECT FROM pg_depend d
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname LIMIT 5) found
WHERE NOT EXISTS (SELECT FROM taskbridge_migrations)
