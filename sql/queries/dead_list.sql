-- Dead letters: $1 that one, or 0; $2 those whose reason contains it; $3 only those not sent again; $4 behind that
-- id; $5 at most. Oldest first, without bodies.
SELECT id, instance, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM created_at) * 1000000)::bigint, (extract(epoch FROM retried_at) * 1000000)::bigint,
    routing_key, content_type, content_encoding, reason, headers, length(body), masked::int
FROM dead_letters
WHERE ($1::bigint = 0 OR id = $1::bigint) AND ($2::text IS NULL OR position($2::text IN reason) > 0)
    AND (NOT $3::bool OR retried_at IS NULL) AND id > $4::bigint
ORDER BY id LIMIT $5::bigint
