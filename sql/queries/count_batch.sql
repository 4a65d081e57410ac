-- Counts batch $3 of run $2 of instance $1, the last statement of its transaction, unless it was committed before and
-- its answer lost. $4..$12 are what it brought, $13 and $14 the unknown event types and how often each came.
WITH counted AS (
    INSERT INTO bridge_instances AS b (instance, run, batch_number, committed_at, batches, deliveries, redelivered,
        events, task_events, worker_events, unknown_events, dead, bytes, rows_written)
    VALUES ($1::text, $2::text, $3::bigint, now(), 1, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
            $9::bigint, $10::bigint, $11::bigint, $12::bigint)
    ON CONFLICT (instance) DO UPDATE SET
        run = excluded.run,
        batch_number = excluded.batch_number,
        committed_at = excluded.committed_at,
        batches = b.batches + 1,
        deliveries = b.deliveries + excluded.deliveries,
        redelivered = b.redelivered + excluded.redelivered,
        events = b.events + excluded.events,
        task_events = b.task_events + excluded.task_events,
        worker_events = b.worker_events + excluded.worker_events,
        unknown_events = b.unknown_events + excluded.unknown_events,
        dead = b.dead + excluded.dead,
        bytes = b.bytes + excluded.bytes,
        rows_written = b.rows_written + excluded.rows_written
    WHERE b.run IS DISTINCT FROM excluded.run OR b.batch_number < excluded.batch_number
    RETURNING instance
)
INSERT INTO event_types AS t (instance, type, count)
SELECT counted.instance, e.type, e.count
FROM counted, unnest($13::text[], $14::int8[]) AS e (type, count)
ORDER BY e.type
ON CONFLICT (instance, type) DO UPDATE SET count = t.count + excluded.count
