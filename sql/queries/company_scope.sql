-- From here on in this transaction rows of company $1 are seen and no others, whatever role the connection has: the
-- least one that may read, where the role is a member of it. With NULL nothing is narrowed ($2: an operator asks).
SELECT set_config('taskbridge.company', coalesce($1::text, ''), true),
       set_config('taskbridge.operator', CASE WHEN $2::bool THEN 'on' ELSE 'off' END, true),
       set_config('role', CASE WHEN EXISTS (
           SELECT FROM pg_roles WHERE rolname = 'taskbridge_reader' AND pg_has_role(oid, 'MEMBER'))
           THEN 'taskbridge_reader' ELSE current_user::text END, true)
