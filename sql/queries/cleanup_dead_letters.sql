-- Deletes dead letters that came more than $1 seconds ago, at most $2, the oldest first. Returns how many.
WITH deleted AS (
    DELETE FROM dead_letters WHERE id IN (
        SELECT id FROM dead_letters WHERE created_at < now() - make_interval(secs => $1::float8)
        ORDER BY id LIMIT $2::bigint FOR UPDATE SKIP LOCKED)
    RETURNING id
)
SELECT count(*) FROM deleted
