-- Which steps of sql/migrations/ this database has had, and of what text.
CREATE TABLE IF NOT EXISTS taskbridge_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
