-- What the product calls, from any search_path and in its own transaction: it needs no right on any table.
--
-- A company is given as the product has it, a number, a UUID or a text; company.format says which of these it may be.

-- ---- companies ----

-- company.format, as `taskbridge migrate` found it in the configuration.
CREATE OR REPLACE FUNCTION company_format() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
SELECT coalesce((SELECT value FROM settings WHERE name = 'company.format'), 'number')
$$;

-- The one spelling that rows, rules, commands and addresses have: 73, never 073; a UUID in lower case. NULL for what
-- the format excludes.
CREATE OR REPLACE FUNCTION company_find(company text, format text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE
    WHEN format = 'number' AND company ~ '^[-+]?[0-9]{1,40}$' THEN
        CASE WHEN company::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN company::numeric::text END
    WHEN format = 'uuid' AND company ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN lower(company)
    WHEN format = 'slug' AND company COLLATE "C" ~ '^[A-Za-z0-9][A-Za-z0-9._~-]{0,254}$' THEN company END
$$;

-- The same, or an error in words.
CREATE OR REPLACE FUNCTION company_canonical(company text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    format text := company_format();
    canonical text := company_find(company, format);
BEGIN
    IF canonical IS NULL THEN
        RAISE EXCEPTION 'company_id is % (company.format: %), not %',
            CASE format WHEN 'number' THEN 'a whole number' WHEN 'uuid' THEN 'a UUID'
                ELSE '1 to 255 letters, digits and any of . _ ~ -, the first a letter or digit' END,
            format, coalesce(quote_literal(left(company, 80)), 'NULL') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN canonical;
END
$$;

-- A name of a task or of somebody, or an error in words.
CREATE OR REPLACE FUNCTION text_within(what text, given text, ceiling integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF length(given) BETWEEN 1 AND ceiling THEN
        RETURN given;
    END IF;
    RAISE EXCEPTION '% must have 1 to % characters, it has %', what, ceiling,
        coalesce(length(given)::text, 'none: it is NULL') USING ERRCODE = 'invalid_parameter_value';
END
$$;

-- The company is there, and has this name. One that was removed is there anew. Returns its id as it is kept.
CREATE OR REPLACE FUNCTION company_set(company_id text, name text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    company text := company_canonical(company_id);
BEGIN
    PERFORM text_within('name', name, 1000);
    DELETE FROM companies_removed r WHERE r.id = company;
    INSERT INTO companies AS c (id, name) VALUES (company, company_set.name)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE c.name <> excluded.name;
    RETURN company;
END
$$;

-- At most so many tasks of removed companies are deleted. Rows that another transaction holds are left for later.
CREATE OR REPLACE FUNCTION tracker_remove(companies text[], ceiling bigint) RETURNS bigint
LANGUAGE sql AS $$
WITH gone AS (
    SELECT t.id FROM background_task_trackers t WHERE t.company_key = ANY (companies) AND t.completed_at IS NULL
    UNION ALL
    SELECT t.id FROM background_task_trackers t WHERE t.company_key = ANY (companies) AND t.completed_at IS NOT NULL
    LIMIT ceiling
), locked AS (
    SELECT t.id FROM background_task_trackers t JOIN gone ON gone.id = t.id ORDER BY t.task_id
    FOR UPDATE OF t SKIP LOCKED
), deleted AS (
    DELETE FROM background_task_trackers t USING locked WHERE t.id = locked.id RETURNING 1
)
SELECT count(*) FROM deleted
$$;

-- The company is gone: its name, who sees it, and its tasks. Nobody sees any of them from the caller's commit on; the
-- first thousand are deleted here, the others, and what its workers still send, by the daemons' maintenance. Whether
-- it was there.
CREATE OR REPLACE FUNCTION company_remove(company_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    company text := company_canonical(company_remove.company_id);
    was_there boolean;
BEGIN
    DELETE FROM companies WHERE id = company;
    was_there := FOUND;
    DELETE FROM company_members WHERE company_id = company;
    was_there := was_there OR FOUND;
    UPDATE api_tokens SET companies = array_remove(companies, company) WHERE companies @> ARRAY[company];
    DELETE FROM flow_companies f WHERE f.company = company_canonical(company_remove.company_id);
    INSERT INTO companies_removed (id) VALUES (company) ON CONFLICT DO NOTHING;
    was_there := tracker_remove(ARRAY[company], 1000) > 0 OR was_there;
    PERFORM pg_notify('taskbridge_company', company);
    RETURN was_there;
END
$$;

-- ---- access ----

-- The user may see the company. Whether that is new.
CREATE OR REPLACE FUNCTION company_allow(user_name text, company_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    company text := company_canonical(company_allow.company_id);
BEGIN
    IF EXISTS (SELECT FROM companies_removed WHERE id = company) THEN
        RAISE EXCEPTION 'company % was removed: company_set makes it anew', company
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM access_denied WHERE user_name = company_allow.user_name AND company_id = company;
    INSERT INTO company_members (user_name, company_id)
    VALUES (text_within('user_name', company_allow.user_name, 255), company) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- The user may not see the company any more, with no token either. Whether that is new.
CREATE OR REPLACE FUNCTION company_deny(user_name text, company_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    company text := company_canonical(company_deny.company_id);
    was_member boolean;
    had_token boolean;
BEGIN
    DELETE FROM company_members WHERE user_name = company_deny.user_name AND company_id = company;
    was_member := FOUND;
    UPDATE api_tokens SET companies = array_remove(companies, company)
    WHERE user_name = company_deny.user_name AND companies @> ARRAY[company];
    had_token := FOUND;
    PERFORM access_deny(text_within('user_name', company_deny.user_name, 255), company);
    RETURN was_member OR had_token;
END
$$;

-- The user is gone: memberships and tokens. How many valid tokens that were.
CREATE OR REPLACE FUNCTION user_remove(user_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    revoked bigint;
BEGIN
    DELETE FROM company_members WHERE user_name = user_remove.user_name;
    PERFORM access_deny(text_within('user_name', user_remove.user_name, 255), '');
    UPDATE api_tokens SET revoked_at = now()
    WHERE user_name = user_remove.user_name AND scope = 'companies' AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now());
    GET DIAGNOSTICS revoked = ROW_COUNT;
    RETURN revoked;
END
$$;

-- A token for a while, that sees these companies and no others, whether its user is a member of them or not. Returns
-- its key, which is kept nowhere. Those that expired a day ago make room.
CREATE OR REPLACE FUNCTION token_issue(user_name text, companies text[], ttl interval DEFAULT '15 minutes') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    key text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    canonical text[] := (
        SELECT array_agg(DISTINCT company_canonical(company)) FROM unnest(token_issue.companies) company);
BEGIN
    IF canonical IS NULL THEN
        RAISE EXCEPTION 'companies must name one at least: a token without any would see nothing'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF ttl IS NULL OR ttl <= interval '0' OR ttl > interval '10 years' THEN
        RAISE EXCEPTION 'ttl must be more than nothing and at most 10 years, it is %', coalesce(ttl::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM api_tokens WHERE id IN (
        SELECT id FROM api_tokens WHERE companies IS NOT NULL AND expires_at < now() - interval '1 day'
        ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED);
    INSERT INTO api_tokens (user_name, scope, companies, token_sha256, expires_at)
    VALUES (text_within('user_name', token_issue.user_name, 255), 'companies', canonical,
            sha256(convert_to(key, 'UTF8')), now() + ttl);
    RETURN key;
END
$$;

-- The token with this key is good no more. Whether it was.
CREATE OR REPLACE FUNCTION token_revoke(key text) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
WITH revoked AS (
    UPDATE api_tokens SET revoked_at = now()
    WHERE token_sha256 = sha256(convert_to(key, 'UTF8')) AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > now())
    RETURNING 1
)
SELECT EXISTS (SELECT FROM revoked)
$$;

-- ---- tasks ----

-- What a task is and whose: before, between or after its events. The row is made or completed under its own lock, and
-- the company hears of it (tracker_tell) when the caller commits. Returns the row's id.
CREATE OR REPLACE FUNCTION tracker_register(company_id text, task_id text, task_name text,
                                            display_name text DEFAULT NULL, metadata jsonb DEFAULT '{}')
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    company text := company_canonical(tracker_register.company_id);
    found_id bigint;
BEGIN
    INSERT INTO background_task_trackers AS t (task_id, registered_company, registered_name, registered_display_name,
                                               registered_at, metadata)
    VALUES (text_within('task_id', tracker_register.task_id, 255), company, nullif(tracker_register.task_name, ''),
            nullif(tracker_register.display_name, ''), now(), coalesce(tracker_register.metadata, '{}'))
    ON CONFLICT (task_id) DO UPDATE SET
        updated_at = now(),
        registered_company = excluded.registered_company,
        registered_name = excluded.registered_name,
        registered_display_name = excluded.registered_display_name,
        registered_at = excluded.registered_at,
        metadata = excluded.metadata,
        company_before = t.company_key
    RETURNING t.id INTO found_id;
    PERFORM tracker_inherit('{}', ARRAY[tracker_register.task_id], ARRAY[tracker_register.task_id], '{}');
    RETURN found_id;
END
$$;

-- ---- operators ----

-- Asks the workers for something. The author and that he may are what the HTTP module has made sure of and said for
-- this transaction, never what the request says. Returns the command's id.
CREATE OR REPLACE FUNCTION command_ask(what text, target text DEFAULT NULL, arguments jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    author text := current_setting('taskbridge.user', true);
    command_id bigint;
BEGIN
    IF coalesce(author, '') = ''
        OR coalesce(current_setting('taskbridge.rights', true), '') NOT IN ('operator', 'admin') THEN
        RAISE EXCEPTION 'only an operator may ask workers for something' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO commands (who, what, target, arguments)
    VALUES (author, text_within('what', command_ask.what, 255), command_ask.target,
            coalesce(command_ask.arguments, '{}'))
    RETURNING id INTO command_id;
    PERFORM pg_notify('taskbridge_command', command_id::text);
    RETURN command_id;
END
$$;

-- ---- the same for numbers and UUIDs ----

DO $$
DECLARE
    type text;
    wrapper record;
BEGIN
    FOR wrapper IN SELECT * FROM (VALUES
        ('company_set', 'company_id %s, name text', 'text', 'company_id::text, name'),
        ('company_remove', 'company_id %s', 'boolean', 'company_id::text'),
        ('company_allow', 'user_name text, company_id %s', 'boolean', 'user_name, company_id::text'),
        ('company_deny', 'user_name text, company_id %s', 'boolean', 'user_name, company_id::text'),
        ('token_issue', 'user_name text, companies %s[], ttl interval DEFAULT ''15 minutes''', 'text',
         'user_name, companies::text[], ttl'),
        ('tracker_register', 'company_id %s, task_id text, task_name text, display_name text DEFAULT NULL, '
                             'metadata jsonb DEFAULT ''{}''', 'bigint',
         'company_id::text, task_id, task_name, display_name, metadata')) AS w (name, arguments, result, passed)
    LOOP
        FOREACH type IN ARRAY ARRAY['bigint', 'uuid'] LOOP
            EXECUTE format('CREATE OR REPLACE FUNCTION %1$I(%2$s) RETURNS %3$s LANGUAGE sql SECURITY DEFINER '
                           'SET search_path FROM CURRENT AS $f$SELECT %1$I(%4$s)$f$',
                           wrapper.name, format(wrapper.arguments, type), wrapper.result, wrapper.passed);
        END LOOP;
    END LOOP;
END
$$;
