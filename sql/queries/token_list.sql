-- All tokens, oldest first. Stamps in microseconds.
SELECT id, user_name, scope, (extract(epoch FROM created_at) * 1000000)::bigint,
    (extract(epoch FROM expires_at) * 1000000)::bigint, (extract(epoch FROM last_used_at) * 1000000)::bigint,
    (extract(epoch FROM revoked_at) * 1000000)::bigint
FROM api_tokens ORDER BY id
