-- Waits for the one lock of all who migrate this database, as long as lock_timeout allows. It ends with the session.
SELECT pg_advisory_lock(hashtextextended('taskbridge.migrate', 0))::text
