-- Ends the session that this connection had before, of process $1, begun at microsecond $2: its client is gone, but one
-- whose commit waits for a standby does not notice, and would stay for as long as that is away.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid = $1::text::int4 AND (extract(epoch FROM backend_start) * 1000000)::int8 = $2::text::int8
    AND usename = current_user
