-- Who asks with the token of which $1 is the SHA-256, and whether company $2 (NULL: none) may be seen: token's id (NULL
-- unless it is valid now), user, whether an operator, whether seen, whether the token's use is to be noted.
--
-- From here on in this transaction rows of that company are seen and no others, of one that may not be seen none, whatever
-- role the connection has: the least one that may read, where the role is a member of it. http_active.sql, http_recent.sql
-- and http_totals.sql follow and ask for what is seen, so a company that is not the caller's costs the same as one that is
-- not there.
WITH caller AS (
    SELECT t.id, t.user_name, t.scope <> 'companies' AS is_operator,
        token_may_see(t.user_name, t.scope, t.companies, $2::text) AS may_see,
        coalesce(t.last_used_at < now() - interval '1 minute', true) AS is_idle
    FROM token_find($1::bytea) t
)
SELECT c.id, c.user_name, c.is_operator, c.may_see, c.is_idle,
    set_config('taskbridge.company', CASE WHEN c.may_see THEN coalesce($2::text, '') ELSE '' END, true),
    set_config('taskbridge.operator', 'off', true),
    set_config('role', CASE WHEN may_act_as('taskbridge_reader') THEN 'taskbridge_reader' ELSE current_user::text END,
               true)
FROM (VALUES (1)) always LEFT JOIN caller c ON true
