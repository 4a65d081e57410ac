-- Makes the schema that this session's names are looked up in, where there is none. Who may not make one needs it made.
DO $$
BEGIN
    IF to_regnamespace(quote_ident(current_setting('taskbridge.schema'))) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', current_setting('taskbridge.schema'));
    END IF;
END
$$
