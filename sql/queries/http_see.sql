-- Before every question of the HTTP module, in its transaction: rows of company $1 are seen and no others (NULL: none),
-- or, where $2, all of them; no statement takes longer than $3 milliseconds; and whatever role the connection has, it
-- sees with the least one that may read, where it is a member of that.
SELECT set_config('taskbridge.company', coalesce($1::text, ''), true),
    set_config('taskbridge.operator', CASE WHEN $2::boolean THEN 'on' ELSE 'off' END, true),
    set_config('statement_timeout', $3::text, true),
    set_config('lock_timeout', $3::text, true),
    set_config('role', CASE WHEN may_act_as('taskbridge_reader') THEN 'taskbridge_reader' ELSE current_user::text END,
               true)
