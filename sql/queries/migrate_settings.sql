-- A migration may take its time; a lock may be waited for $1 milliseconds. That something is there is no news.
SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', $1::text, false),
       set_config('idle_in_transaction_session_timeout', '0', false),
       set_config('client_min_messages', 'warning', false)
