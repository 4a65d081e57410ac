-- Whether this database has had any step: 1 or 0.
SELECT (to_regclass(format('%I.taskbridge_migrations', current_setting('taskbridge.schema'))) IS NOT NULL)::int
