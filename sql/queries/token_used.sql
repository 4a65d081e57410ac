-- Token $1 was used, noted once a minute at most.
UPDATE api_tokens SET last_used_at = now()
WHERE id = $1::bigint AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
