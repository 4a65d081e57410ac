-- Who may see what: companies, tokens, and the database's own roles behind them.

-- The standalone default of what a Django database already has.
CREATE TABLE companies (
    id text COLLATE "C" PRIMARY KEY CHECK (id <> ''),
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- No foreign key: a membership may precede its company.
CREATE TABLE company_members (
    user_name text COLLATE "C",
    company_id text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_name, company_id)
);

-- Of a token only its SHA-256 is kept.
CREATE TABLE api_tokens (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_name text COLLATE "C" NOT NULL CHECK (user_name <> ''),
    scope text NOT NULL CHECK (scope IN ('companies', 'operator')),
    token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
