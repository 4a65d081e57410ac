-- Dead letters behind id $1, oldest first, at most $2, without their bodies.
SELECT id, instance, (extract(epoch FROM received_at) * 1000000)::bigint, routing_key, content_type, reason,
    length(body), (extract(epoch FROM retried_at) * 1000000)::bigint
FROM dead_letters WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint
