-- Who asks with the token of which $1 is the SHA-256, no row unless it is valid now: its id, user, scope, whether company
-- $2 (NULL: none) may be seen, whether its use is to be noted, when it expires.
SELECT t.id, t.user_name, t.scope,
    $2::text IS NOT NULL AND (t.scope <> 'companies' OR EXISTS (
        SELECT FROM company_members m WHERE m.user_name = t.user_name AND m.company_id = $2::text)),
    coalesce(t.last_used_at < now() - interval '1 minute', true),
    (extract(epoch FROM t.expires_at) * 1000000)::bigint
FROM api_tokens t
WHERE t.token_sha256 = $1::bytea AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
