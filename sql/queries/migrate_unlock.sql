-- Lets go of what migrate_lock.sql took.
SELECT pg_advisory_unlock(hashtextextended('taskbridge.migrate', 0))
