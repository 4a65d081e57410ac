-- The steps that were applied, in order.
SELECT number, name, sha256 FROM taskbridge_migrations WHERE number > 0 ORDER BY number
