-- The SHA-256 of the sql/roles.sql that was applied last.
SELECT sha256 FROM taskbridge_migrations WHERE number = 0
