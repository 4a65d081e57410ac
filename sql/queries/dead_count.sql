-- How many dead letters dead_list.sql means with the same $1 to $4.
SELECT count(*) FROM dead_letters
WHERE ($1::bigint = 0 OR id = $1::bigint) AND ($2::text IS NULL OR position($2::text IN reason) > 0)
    AND (NOT $3::bool OR retried_at IS NULL) AND id > $4::bigint
