-- The server itself, before any table is looked at: version, role, whether it can be written to, the settings that
-- promises hang on, addresses, and where its data lies as far as this role may know.
SELECT current_setting('server_version_num')::int8, current_setting('server_version'), current_user::text,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), pg_is_in_recovery(),
    current_setting('fsync')::bool, current_setting('full_page_writes')::bool, current_setting('autovacuum')::bool,
    current_setting('max_connections')::int8, current_setting('superuser_reserved_connections')::int8,
    (SELECT sum(numbackends)::int8 FROM pg_stat_database),
    host(inet_client_addr()), host(inet_server_addr()), pg_backend_pid()::int8,
    (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
    (SELECT string_agg(DISTINCT pg_tablespace_location(oid), E'\n') FROM pg_tablespace
     WHERE pg_tablespace_location(oid) <> ''),
    current_database()::text
