-- Job $1 is nobody's again.
SELECT pg_advisory_unlock(hashtextextended('taskbridge.maintenance.' || $1::text, 0))::int
