-- Dead letters of the last day, of at most the 1000 newest, that were not sent again: how many, the most frequent
-- reason, how many of these are no JSON, and of what content types.
WITH newest AS (
    SELECT reason, retried_at, created_at, lower(left(split_part(coalesce(content_type, ''), ';', 1), 60)) AS type
    FROM dead_letters ORDER BY id DESC LIMIT 1000
), recent AS (
    SELECT reason, type FROM newest WHERE retried_at IS NULL AND created_at > now() - interval '1 day'
), types AS (
    SELECT type, count(*) AS times FROM recent WHERE type NOT IN ('', 'application/json') GROUP BY type
)
SELECT (SELECT count(*) FROM recent),
    (SELECT left(reason, 200) FROM recent GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 1),
    (SELECT coalesce(sum(times), 0)::int8 FROM types),
    (SELECT string_agg(type, ', ' ORDER BY times DESC, type) FROM (SELECT * FROM types ORDER BY times DESC, type LIMIT 3) t)
