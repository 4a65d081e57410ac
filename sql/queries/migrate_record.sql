-- Step $1 named $2, whose text has the SHA-256 $3, was applied; number 0 is sql/roles.sql.
INSERT INTO taskbridge_migrations AS m (number, name, sha256) VALUES ($1::int, $2::text, $3::text)
ON CONFLICT (number) DO UPDATE SET sha256 = excluded.sha256, applied_at = now() WHERE m.sha256 <> excluded.sha256
