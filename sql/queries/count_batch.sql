-- Counts batch $3 of run $2 of instance $1, the last statement of its transaction, unless it was committed before and
-- its answer lost. $4..$12 are what it brought, $13 and $14 the unknown event types and how often each came. When the
-- instance has $15 names, further ones are counted together under the empty name. A run may write before it says for
-- the first time how it is (instance_beat.sql): until then that is not known, whatever the run before said last.
WITH counted AS (
    INSERT INTO bridge_instances AS b (instance, run, batch_number, committed_at, batches, deliveries, redelivered,
        events, task_events, worker_events, unknown_events, dead, bytes, rows_written)
    VALUES ($1::text, $2::text, $3::bigint, now(), 1, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint,
            $9::bigint, $10::bigint, $11::bigint, $12::bigint)
    ON CONFLICT (instance) DO UPDATE SET
        run = excluded.run,
        version = CASE WHEN b.run = excluded.run THEN b.version END,
        started_at = CASE WHEN b.run = excluded.run THEN b.started_at ELSE now() END,
        heartbeat_at = CASE WHEN b.run = excluded.run THEN b.heartbeat_at ELSE now() END,
        stopped_at = CASE WHEN b.run = excluded.run THEN b.stopped_at END,
        broker_connected = CASE WHEN b.run = excluded.run THEN b.broker_connected END,
        listening_since = CASE WHEN b.run = excluded.run THEN b.listening_since END,
        heard_until = CASE WHEN b.run = excluded.run THEN b.heard_until END,
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
), named AS (
    SELECT CASE WHEN EXISTS (SELECT FROM event_types t WHERE t.instance = $1::text AND t.type = e.type)
                OR (SELECT count(*) FROM event_types t WHERE t.instance = $1::text) < $15::bigint
           THEN e.type ELSE '' END AS type, e.count
    FROM unnest($13::text[], $14::int8[]) AS e (type, count)
)
INSERT INTO event_types AS t (instance, type, count)
SELECT counted.instance, named.type, sum(named.count)::bigint
FROM counted, named
GROUP BY counted.instance, named.type
ORDER BY named.type
ON CONFLICT (instance, type) DO UPDATE SET count = t.count + excluded.count
