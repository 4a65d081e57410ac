-- What each session sets for itself, whatever the server, the database or the role say: names are looked up in the
-- schema $1 alone, commits are on disk before they are answered (and on the standbys, and applied there, where the server
-- asks for as much), a statement may take $2 milliseconds, nothing waits for ever, and a peer that is gone is noticed.
-- Plans stay by the indexes that were made for these statements, but where $3, for commands read whole tables.
SELECT set_config('search_path', quote_ident($1::text) || ', pg_temp', false),
       set_config('taskbridge.schema', $1::text, false),
       set_config('synchronous_commit',
           CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
       set_config('default_transaction_read_only', 'off', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('default_transaction_deferrable', 'off', false),
       set_config('plan_cache_mode', CASE WHEN $3::bool THEN 'auto' ELSE 'force_generic_plan' END, false),
       set_config('enable_seqscan', CASE WHEN $3::bool THEN 'on' ELSE 'off' END, false),
       set_config('enable_indexscan', 'on', false),
       set_config('enable_nestloop', 'on', false),
       set_config('jit', 'off', false),
       set_config('statement_timeout', $2::text, false),
       set_config('lock_timeout', least($2::text::int8, 30000)::text, false),
       set_config('idle_in_transaction_session_timeout', '120s', false),
       set_config('idle_session_timeout', '0', false),
       set_config('client_connection_check_interval', '5s', false),
       set_config('tcp_keepalives_idle', '30', false),
       set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '3', false),
       set_config('TimeZone', 'UTC', false),
       set_config('DateStyle', 'ISO', false),
       set_config('bytea_output', 'hex', false),
       set_config('extra_float_digits', '1', false)
