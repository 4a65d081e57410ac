-- Who may see what: companies, their members, tokens. Whoever watches hears of each change by NOTIFY.

-- What functions of this schema need to know of the configuration; written by `taskbridge migrate`.
CREATE TABLE IF NOT EXISTS settings (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- The standalone default of what a Django database already has.
CREATE TABLE IF NOT EXISTS companies (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Companies that the product took away. What is left of their tasks, and what still comes, nobody sees: it is deleted
-- by and by.
CREATE TABLE IF NOT EXISTS companies_removed (
    id text COLLATE "C" PRIMARY KEY,
    removed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS companies_removed_of_late ON companies_removed (removed_at);

-- No foreign key: a membership may precede its company.
CREATE TABLE IF NOT EXISTS company_members (
    user_name text COLLATE "C" CHECK (length(user_name) BETWEEN 1 AND 255),
    company_id text COLLATE "C" CHECK (length(company_id) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_name, company_id)
);
CREATE INDEX IF NOT EXISTS company_members_company ON company_members (company_id);

-- Of a token only its SHA-256 is kept. One with companies sees these and no others; one without, what its user sees.
CREATE TABLE IF NOT EXISTS api_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL CHECK (length(user_name) BETWEEN 1 AND 255),
    scope text NOT NULL CHECK (scope IN ('companies', 'viewer', 'operator', 'admin')),
    companies text[] COLLATE "C" CHECK (companies IS NULL OR scope = 'companies'),
    token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS api_tokens_user ON api_tokens (user_name);
CREATE INDEX IF NOT EXISTS api_tokens_companies ON api_tokens USING gin (companies) WHERE companies IS NOT NULL;
CREATE INDEX IF NOT EXISTS api_tokens_expired ON api_tokens (expires_at) WHERE companies IS NOT NULL;

-- Whom a company ('': all of them) was denied of late. A signed token that was made before says otherwise until it
-- expires, which is a day later at most.
CREATE TABLE IF NOT EXISTS access_denied (
    user_name text COLLATE "C",
    company_id text COLLATE "C",
    denied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_name, company_id)
);

-- ---- NOTIFY ----

-- taskbridge_access says whose access is to be asked anew: token:ID, user:NAME, company:ID, or everybody's ('').
CREATE OR REPLACE FUNCTION access_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('taskbridge_access', '');
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('taskbridge_access', TG_ARGV[0] || ':' || (to_jsonb(OLD) ->> TG_ARGV[1]));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('taskbridge_access', TG_ARGV[0] || ':' || (to_jsonb(NEW) ->> TG_ARGV[1]));
    END IF;
    RETURN NULL;
END
$$;

-- taskbridge_company says whose document is to be made anew.
CREATE OR REPLACE FUNCTION company_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('taskbridge_company', coalesce(NEW.id, OLD.id));
    RETURN NULL;
END
$$;

-- Nobody has asked with a token before it is there, and noting its use changes nothing.
CREATE OR REPLACE TRIGGER api_tokens_changed
    AFTER UPDATE OF user_name, scope, companies, token_sha256, expires_at, revoked_at OR DELETE ON api_tokens
    FOR EACH ROW EXECUTE FUNCTION access_changed('token', 'id');
CREATE OR REPLACE TRIGGER api_tokens_emptied AFTER TRUNCATE ON api_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE OR REPLACE TRIGGER company_members_changed AFTER INSERT OR UPDATE OR DELETE ON company_members
    FOR EACH ROW EXECUTE FUNCTION access_changed('user', 'user_name');
CREATE OR REPLACE TRIGGER company_members_emptied AFTER TRUNCATE ON company_members
    FOR EACH STATEMENT EXECUTE FUNCTION access_changed();
CREATE OR REPLACE TRIGGER access_denied_changed AFTER INSERT OR UPDATE ON access_denied
    FOR EACH ROW EXECUTE FUNCTION access_changed('user', 'user_name');
CREATE OR REPLACE TRIGGER companies_removed_changed AFTER INSERT OR DELETE ON companies_removed
    FOR EACH ROW EXECUTE FUNCTION access_changed('company', 'id');
CREATE OR REPLACE TRIGGER companies_changed AFTER INSERT OR UPDATE OR DELETE ON companies
    FOR EACH ROW EXECUTE FUNCTION company_changed();

-- ---- asking ----

-- Whether who (this session, if not said) may SET ROLE to the role. From PostgreSQL 16 on a member needs an option of
-- the membership for that, which who created the role does not have.
CREATE OR REPLACE FUNCTION may_act_as(role_name name, who name DEFAULT current_user) RETURNS boolean
LANGUAGE sql STABLE AS $$
SELECT EXISTS (
    SELECT FROM pg_roles
    WHERE rolname = role_name
        AND pg_has_role(who, oid, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER'
                                       ELSE 'SET' END))
$$;

-- The token of which this is the SHA-256, if it is valid now. Who serves requests can't read the hashes themselves.
CREATE OR REPLACE FUNCTION token_find(sha256 bytea)
RETURNS TABLE (id bigint, user_name text, scope text, companies text[], expires_at timestamptz,
               last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path FROM CURRENT AS $$
SELECT t.id, t.user_name, t.scope, t.companies, t.expires_at, t.last_used_at
FROM api_tokens t
WHERE t.token_sha256 = sha256 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
$$;

-- Whether a token of that user and scope, with those companies of its own or without (NULL), may see this one.
CREATE OR REPLACE FUNCTION token_may_see(user_name text, scope text, companies text[], company text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
SELECT NOT EXISTS (SELECT FROM companies_removed r WHERE r.id = company)
    AND (scope <> 'companies'
         OR coalesce(company = ANY (companies), false)
         OR companies IS NULL AND EXISTS (
             SELECT FROM company_members m
             WHERE m.user_name = token_may_see.user_name AND m.company_id = company))
$$;

-- Whether the bearer of a token that somebody signed for that user ('': nobody in particular) may see the company that
-- it names: nothing here says otherwise since it was made.
CREATE OR REPLACE FUNCTION signature_may_see(user_name text, company text, issued_at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
SELECT NOT EXISTS (SELECT FROM companies_removed r WHERE r.id = company)
    AND NOT EXISTS (
        SELECT FROM access_denied d
        WHERE d.user_name = signature_may_see.user_name AND d.company_id IN ('', company) AND d.denied_at >= issued_at)
$$;

-- Signed tokens of the user for the company ('': for any) that were made until now are worth nothing. Denials that no
-- token outlives make room.
CREATE OR REPLACE FUNCTION access_deny(user_name text, company text) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
DELETE FROM access_denied WHERE ctid IN (
    SELECT ctid FROM access_denied WHERE denied_at < now() - interval '2 days' LIMIT 10 FOR UPDATE SKIP LOCKED);
INSERT INTO access_denied (user_name, company_id) VALUES (user_name, company)
ON CONFLICT ON CONSTRAINT access_denied_pkey DO UPDATE SET denied_at = clock_timestamp()
$$;
REVOKE ALL ON FUNCTION access_deny(text, text) FROM PUBLIC;
