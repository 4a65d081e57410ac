-- Another sql/roles.sql was applied before: all of its policies are made anew.
DO $$
DECLARE
    policy record;
BEGIN
    FOR policy IN SELECT p.polname, p.polrelid::regclass AS relation
                  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
                  WHERE c.relnamespace = quote_ident(current_setting('taskbridge.schema'))::regnamespace LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy.polname, policy.relation);
    END LOOP;
END
$$
