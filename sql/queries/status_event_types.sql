-- Event types that mean nothing here, over all instances, the most frequent first.
SELECT type, sum(count)::bigint FROM event_types GROUP BY type ORDER BY 2 DESC, 1
