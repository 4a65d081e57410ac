-- A statement of this session may take $1 milliseconds. The planner is free here: commands read whole tables.
SELECT set_config('statement_timeout', $1::text, false), set_config('enable_seqscan', 'on', false),
       set_config('plan_cache_mode', 'auto', false)
