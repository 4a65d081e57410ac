-- Which of a batch's redelivered started events were counted before: those no later than their row's began_at, as it
-- is before this batch is written. $1 task ids, $2 stamps, $3 places among all of the batch's starts, from 1. The
-- answer stays in the transaction, for count_incarnations.sql.
SELECT set_config('taskbridge.counted_starts', coalesce(array_agg(e.place)::text, '{}'), true)
FROM unnest($1::text[], $2::timestamptz[], $3::int8[]) AS e (task_id, stamp, place)
JOIN background_task_trackers t ON t.task_id = e.task_id
WHERE t.began_at >= e.stamp
