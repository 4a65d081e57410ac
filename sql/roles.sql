-- The end of every `taskbridge migrate`: roles of least privilege, what they may do, and row-level security behind the
-- isolation of companies. It makes what is missing and takes away what is too much; roles that are missing it leaves to
-- who may make them, and the next run goes on.
--
-- taskbridge_writer is what the daemon needs, taskbridge_reader what the HTTP module needs, taskbridge_app what the
-- product needs. They can't log in: they are granted to roles that can.

-- One line a table or function; privileges as in GRANT. A column that is hidden is one that the role can't read.
CREATE OR REPLACE VIEW taskbridge_rights AS
SELECT role::name, object, privileges, hidden::text[], is_function
FROM (VALUES
    ('taskbridge_writer', 'background_task_trackers', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'flow_companies', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'task_attempts', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'task_attempts_seen', 'SELECT', '{}', false),
    ('taskbridge_writer', 'failures', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'task_stats', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'task_stats_seen', 'SELECT', '{}', false),
    ('taskbridge_writer', 'celery_workers', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'worker_incarnations', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'dead_letters', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'dead_letter_kinds', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'bridge_instances', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'event_types', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'maintenance_runs', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'commands', 'SELECT, INSERT, UPDATE, DELETE', '{}', false),
    ('taskbridge_writer', 'worker_missed_events', 'SELECT', '{}', false),
    ('taskbridge_writer', 'settings', 'SELECT', '{}', false),
    ('taskbridge_writer', 'companies', 'SELECT', '{}', false),
    ('taskbridge_writer', 'companies_removed', 'SELECT', '{}', false),
    ('taskbridge_writer', 'company_members', 'SELECT', '{}', false),
    ('taskbridge_writer', 'api_tokens', 'SELECT',
     '{id,user_name,scope,companies,token_sha256,created_at,last_used_at}', false),
    ('taskbridge_writer', 'company_format', 'EXECUTE', '{}', true),
    ('taskbridge_writer', 'company_canonical', 'EXECUTE', '{}', true),
    ('taskbridge_writer', 'taskbridge_migrations', 'SELECT', '{}', false),
    ('taskbridge_writer', 'taskbridge_objects', 'SELECT', '{}', false),
    ('taskbridge_writer', 'taskbridge_catalogue', 'SELECT', '{}', false),
    ('taskbridge_writer', 'taskbridge_drift', 'SELECT', '{}', false),
    ('taskbridge_writer', 'taskbridge_rights', 'SELECT', '{}', false),

    ('taskbridge_reader', 'background_task_trackers', 'SELECT', '{}', false),
    ('taskbridge_reader', 'task_attempts', 'SELECT', '{}', false),
    ('taskbridge_reader', 'failures', 'SELECT', '{}', false),
    ('taskbridge_reader', 'task_stats', 'SELECT', '{}', false),
    ('taskbridge_reader', 'task_stats_seen', 'SELECT', '{}', false),
    ('taskbridge_reader', 'celery_workers', 'SELECT', '{}', false),
    ('taskbridge_reader', 'worker_incarnations', 'SELECT', '{}', false),
    ('taskbridge_reader', 'worker_missed_events', 'SELECT', '{}', false),
    ('taskbridge_reader', 'dead_letters', 'SELECT', '{body}', false),
    ('taskbridge_reader', 'dead_letter_kinds', 'SELECT', '{}', false),
    ('taskbridge_reader', 'bridge_instances', 'SELECT', '{}', false),
    ('taskbridge_reader', 'event_types', 'SELECT', '{}', false),
    ('taskbridge_reader', 'maintenance_runs', 'SELECT', '{}', false),
    ('taskbridge_reader', 'commands', 'SELECT', '{}', false),
    ('taskbridge_reader', 'settings', 'SELECT', '{}', false),
    ('taskbridge_reader', 'companies', 'SELECT', '{}', false),
    ('taskbridge_reader', 'companies_removed', 'SELECT', '{}', false),
    ('taskbridge_reader', 'company_members', 'SELECT', '{}', false),
    ('taskbridge_reader', 'api_tokens', 'SELECT', '{token_sha256}', false),
    ('taskbridge_reader', 'api_tokens', 'UPDATE',
     '{id,user_name,scope,companies,token_sha256,created_at,expires_at,revoked_at}', false),
    ('taskbridge_reader', 'taskbridge_migrations', 'SELECT', '{}', false),
    ('taskbridge_reader', 'taskbridge_objects', 'SELECT', '{}', false),
    ('taskbridge_reader', 'taskbridge_catalogue', 'SELECT', '{}', false),
    ('taskbridge_reader', 'taskbridge_drift', 'SELECT', '{}', false),
    ('taskbridge_reader', 'taskbridge_rights', 'SELECT', '{}', false),
    ('taskbridge_reader', 'token_find', 'EXECUTE', '{}', true),
    ('taskbridge_reader', 'token_may_see', 'EXECUTE', '{}', true),
    ('taskbridge_reader', 'signature_may_see', 'EXECUTE', '{}', true),
    ('taskbridge_reader', 'command_ask', 'EXECUTE', '{}', true),

    ('taskbridge_app', 'background_task_trackers', 'SELECT', '{}', false),
    ('taskbridge_app', 'companies_removed', 'SELECT', '{}', false),
    ('taskbridge_app', 'company_canonical', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'tracker_register', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'company_set', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'company_remove', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'company_allow', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'company_deny', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'user_remove', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'token_issue', 'EXECUTE', '{}', true),
    ('taskbridge_app', 'token_revoke', 'EXECUTE', '{}', true)
) AS rights (role, object, privileges, hidden, is_function);

-- The roles themselves. They belong to the whole cluster.
DO $$
DECLARE
    wanted name;
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'background_task_trackers'::regclass);
BEGIN
    FOR wanted IN SELECT DISTINCT role FROM taskbridge_rights ORDER BY role LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
            -- So that programs that log in as the owner may serve people with a reader's eyes: http_see.sql.
            IF NOT may_act_as(wanted, owner) THEN
                EXECUTE format('GRANT %I TO %I', wanted, owner);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN NULL; -- told by migrate_superuser.sql
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was faster
        END;
    END LOOP;
END
$$;

-- What each may do: exactly the lines above. In one transaction, so nobody is without a right in between.
DO $$
DECLARE
    here name := current_setting('taskbridge.schema');
    wanted record;
    target text;
BEGIN
    FOR target IN SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p
                  WHERE p.pronamespace = quote_ident(here)::regnamespace AND p.prosecdef LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
    END LOOP;
    FOR wanted IN SELECT DISTINCT role FROM taskbridge_rights JOIN pg_roles ON rolname = role LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', here, wanted.role);
        EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA %I FROM %I', here, wanted.role);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', here, wanted.role);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', here, wanted.role);
    END LOOP;
    FOR wanted IN SELECT * FROM taskbridge_rights JOIN pg_roles ON rolname = role LOOP
        IF wanted.is_function THEN
            FOR target IN SELECT p.oid::regprocedure FROM pg_proc p
                          WHERE p.pronamespace = quote_ident(here)::regnamespace AND p.proname = wanted.object LOOP
                EXECUTE format('GRANT %s ON FUNCTION %s TO %I', wanted.privileges, target, wanted.role);
            END LOOP;
        ELSIF to_regclass(format('%I.%I', here, wanted.object)) IS NULL THEN
            CONTINUE; -- dropped, or a later step's
        ELSIF wanted.hidden = '{}' THEN
            EXECUTE format('GRANT %s ON %I TO %I', wanted.privileges, wanted.object, wanted.role);
        ELSE
            SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO target FROM pg_attribute
            WHERE attrelid = format('%I.%I', here, wanted.object)::regclass AND attnum > 0 AND NOT attisdropped
                AND attname <> ALL (wanted.hidden);
            EXECUTE format('GRANT %s (%s) ON %I TO %I', wanted.privileges, target, wanted.object, wanted.role);
        END IF;
    END LOOP;
END
$$;

-- Row-level security. A reader sees the rows of the company that its transaction names, unless that was removed; or
-- all, if it says that an operator asks; and of attempts those of the tasks that it sees. (A view would read with its
-- owner's eyes: none over these tables is a reader's.) The tables' owner is not bound: http_see.sql makes it a reader.
DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        ('background_task_trackers', 'trackers_of_company', 'SELECT', NULL::name,
         'company_key = current_setting(''taskbridge.company'', true)'
         ' AND (SELECT NOT EXISTS (SELECT FROM companies_removed r'
         '                         WHERE r.id = current_setting(''taskbridge.company'', true)))'
         ' OR current_setting(''taskbridge.operator'', true) = ''on'''),
        ('background_task_trackers', 'trackers_writer', 'ALL', 'taskbridge_writer', 'true'),
        ('background_task_trackers', 'trackers_app', 'SELECT', 'taskbridge_app',
         'company_key IS NULL OR NOT EXISTS (SELECT FROM companies_removed r WHERE r.id = company_key)'),
        ('task_attempts', 'attempts_of_company', 'SELECT', NULL,
         'EXISTS (SELECT FROM background_task_trackers t WHERE t.task_id = task_attempts.task_id)'),
        ('task_attempts', 'attempts_writer', 'ALL', 'taskbridge_writer', 'true'))
        AS policies (table_name, policy_name, command, role, condition)
    LOOP
        CONTINUE WHEN to_regclass(format('%I.%I', current_setting('taskbridge.schema'), wanted.table_name)) IS NULL;
        IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = wanted.table_name::regclass) THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted.table_name);
        END IF;
        CONTINUE WHEN wanted.role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role);
        CONTINUE WHEN EXISTS (SELECT FROM pg_policy
                              WHERE polrelid = wanted.table_name::regclass AND polname = wanted.policy_name);
        EXECUTE format('CREATE POLICY %I ON %I FOR %s TO %s USING (%s)', wanted.policy_name, wanted.table_name,
                       wanted.command, coalesce(quote_ident(wanted.role), 'PUBLIC'), wanted.condition);
    END LOOP;
END
$$;
