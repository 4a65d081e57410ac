-- The server itself, before any table is looked at: version, role, whether it can be written to, the settings that
-- promises hang on, addresses; then replication: which standbys commits wait for, how many are connected, how many
-- commits wait at this moment and the longest of them in microseconds.
SELECT current_setting('server_version_num')::int8, current_setting('server_version'), current_user::text,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery(),
    current_setting('fsync')::bool, current_setting('full_page_writes')::bool, current_setting('autovacuum')::bool,
    current_setting('max_connections')::int8, current_setting('superuser_reserved_connections')::int8,
    (SELECT sum(numbackends)::int8 FROM pg_stat_database),
    host(inet_client_addr()), host(inet_server_addr()), current_database()::text,
    current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)::int8,
    (SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep')::int8,
    (SELECT (extract(epoch FROM max(clock_timestamp() - query_start)) * 1000000)::int8 FROM pg_stat_activity
     WHERE wait_event = 'SyncRep')
