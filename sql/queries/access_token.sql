-- Who asks with the token of which $1 is the SHA-256, no row unless it is valid now: its id, user, scope, whether company
-- $2 (NULL: none) may be seen, whether its use is to be noted, when it expires.
SELECT t.id, t.user_name, t.scope,
    $2::text IS NOT NULL AND token_may_see(t.user_name, t.scope, t.companies, $2::text),
    coalesce(t.last_used_at < now() - interval '1 minute', true),
    (extract(epoch FROM t.expires_at) * 1000000)::bigint
FROM token_find($1::bytea) t
