-- The table $1 is to be adopted, the object $2 ({source: target}) says which of its columns have which of our names,
-- times without a time zone are of the zone $3. Batches read by the indexes, and tell whose rows they changed by
-- themselves.
SELECT set_config('taskbridge.adopt_table', $1::text, false), set_config('taskbridge.adopt_map', $2::text, false),
    set_config('taskbridge.adopt_zone', coalesce($3::text, ''), false),
    set_config('TimeZone', coalesce($3::text, 'UTC'), false), set_config('taskbridge.told', 'on', false),
    set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
    set_config('enable_mergejoin', 'off', false), set_config('client_min_messages', 'warning', false)
