-- Whether the schema is there, or this role may make it.
SELECT to_regnamespace(quote_ident(current_setting('taskbridge.schema'))) IS NOT NULL
    OR has_database_privilege(current_database(), 'CREATE')
