-- How many letters cleanup_dead_letters.sql would delete with the same $1.
SELECT count(*) FROM dead_letters WHERE created_at < now() - make_interval(secs => $1::float8)
