-- The token of which $1 is the SHA-256: its id, user and scope. No row unless it is valid now.
SELECT id, user_name, scope FROM api_tokens
WHERE token_sha256 = $1::bytea AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
