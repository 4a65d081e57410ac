-- Step $1 named $2, whose text has the SHA-256 $3, was applied.
INSERT INTO taskbridge_migrations (number, name, sha256) VALUES ($1::int, $2::text, $3::text)
