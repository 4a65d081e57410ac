-- What the database itself knows of its migrations, made or brought up to date before any step.
DO $$
DECLARE
    here name := current_setting('taskbridge.schema');
BEGIN
    IF to_regnamespace(quote_ident(here)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', here);
    END IF;

    -- Which steps of sql/migrations/ it has had, and of what text.
    CREATE TABLE IF NOT EXISTS taskbridge_migrations (
        number integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    );

    -- What was there after the last of them; words are PostgreSQL's own, which another version of it may put otherwise.
    CREATE TABLE IF NOT EXISTS taskbridge_objects (
        kind text COLLATE "C",
        name text COLLATE "C",
        definition text NOT NULL,
        words text,
        server_version integer NOT NULL,
        PRIMARY KEY (kind, name)
    );
END
$$
