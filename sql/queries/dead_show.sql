-- Dead letter $1 with its body in hexadecimal, columns as in dead_list.sql.
SELECT id, instance, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM created_at) * 1000000)::bigint, (extract(epoch FROM retried_at) * 1000000)::bigint,
    routing_key, content_type, content_encoding, reason, headers, length(body), masked::int, encode(body, 'hex')
FROM dead_letters WHERE id = $1::bigint
