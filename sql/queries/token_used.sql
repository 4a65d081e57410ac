-- Token $1 was used, noted once a minute at most; not now where somebody holds its row.
UPDATE api_tokens SET last_used_at = now()
WHERE id = (SELECT id FROM api_tokens WHERE id = $1::bigint FOR UPDATE SKIP LOCKED)
    AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
