-- Job $1 is this connection's, if it is nobody's: 1 or 0.
SELECT pg_try_advisory_lock(hashtextextended('taskbridge.maintenance.' || $1::text, 0))::int
