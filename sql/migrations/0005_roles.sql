-- Roles of least privilege, and row-level security behind the isolation of companies.
--
-- taskbridge_writer is what the daemon needs, taskbridge_reader what the HTTP module needs, taskbridge_app what the
-- product needs to register tasks. They can't log in: grant them to roles that can. Roles belong to the whole
-- cluster; where this one may not create them, a person has to, and then runs the grants below.
DO $$
DECLARE
    wanted text;
    missing text[] := '{}';
BEGIN
    FOREACH wanted IN ARRAY ARRAY['taskbridge_writer', 'taskbridge_reader', 'taskbridge_app'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was faster
            WHEN insufficient_privilege THEN missing := missing || wanted;
        END;
    END LOOP;
    -- So that who migrates may serve people with a reader's eyes: http_caller.sql.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskbridge_reader')
            AND NOT pg_has_role('taskbridge_reader', 'MEMBER') THEN
        BEGIN
            EXECUTE format('GRANT taskbridge_reader TO %I', current_user);
        EXCEPTION WHEN insufficient_privilege THEN NULL;
        END;
    END IF;
    IF missing <> '{}' THEN
        RAISE NOTICE 'the roles % are missing and % may not create them: grant rights by hand, or give it CREATEROLE '
                     'and run taskbridge migrate on a new database', array_to_string(missing, ', '), current_user;
    END IF;
END
$$;

ALTER TABLE background_task_trackers ENABLE ROW LEVEL SECURITY;

-- A reader sees the rows of the company that its transaction names, or all, if it says that an operator asks. The
-- table's owner is not bound by this.
CREATE POLICY trackers_of_company ON background_task_trackers FOR SELECT
    USING (company_key = current_setting('taskbridge.company', true)
           OR current_setting('taskbridge.operator', true) = 'on');

DO $$
DECLARE
    here text := quote_ident(current_schema());
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskbridge_writer') THEN
        CREATE POLICY trackers_writer ON background_task_trackers FOR ALL TO taskbridge_writer
            USING (true) WITH CHECK (true);
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO taskbridge_writer', here);
        GRANT SELECT, INSERT, UPDATE, DELETE ON background_task_trackers, celery_workers, worker_incarnations,
            dead_letters, bridge_instances, event_types, maintenance_runs, commands TO taskbridge_writer;
        GRANT SELECT ON worker_missed_events, companies, company_members, taskbridge_migrations TO taskbridge_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskbridge_reader') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO taskbridge_reader', here);
        GRANT SELECT ON background_task_trackers, celery_workers, worker_incarnations, worker_missed_events,
            dead_letters, bridge_instances, event_types, maintenance_runs, commands, companies, company_members,
            api_tokens, taskbridge_migrations TO taskbridge_reader;
        GRANT UPDATE (last_used_at) ON api_tokens TO taskbridge_reader;
        GRANT INSERT ON commands TO taskbridge_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'taskbridge_app') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO taskbridge_app', here);
        GRANT EXECUTE ON FUNCTION tracker_register(text, text, text, text, jsonb),
            tracker_register(bigint, text, text, text, jsonb) TO taskbridge_app;
    END IF;
END
$$;
