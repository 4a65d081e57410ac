-- What each session of a long-running program sets for itself, whatever the server, the database or the role say:
-- commits are on disk before they are answered, plans stay by the indexes that were made for these statements, nothing
-- waits for ever, and a peer that is gone is noticed.
SELECT set_config('synchronous_commit', 'on', false),
       set_config('default_transaction_read_only', 'off', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('default_transaction_deferrable', 'off', false),
       set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('enable_seqscan', 'off', false),
       set_config('enable_indexscan', 'on', false),
       set_config('enable_nestloop', 'on', false),
       set_config('jit', 'off', false),
       set_config('statement_timeout', '120s', false),
       set_config('lock_timeout', '30s', false),
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
