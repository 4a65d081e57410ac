-- Instance $1 says how it is: $2 its run, $3 version, $4 when it started, $5 whether the broker is there, $6 since
-- when and $7 until when all that was said is in the database, $8 to $10 its queue's messages, bytes and ceiling, $11
-- lag, $12 memory, $13 anything else as JSON, $14 its broker and vhost, $15 its queue. Returns whether another run said so
-- last, and how many daemons that consume this queue were heard of within $16 seconds, this one included.
WITH before AS (
    SELECT run FROM bridge_instances WHERE instance = $1::text
)
INSERT INTO bridge_instances AS b (instance, run, version, started_at, heartbeat_at, broker_connected, listening_since,
    heard_until, queue_messages, queue_bytes, queue_max_bytes, lag_us, rss_bytes, details, source, queue)
VALUES ($1::text, $2::text, $3::text, $4::timestamptz, now(), $5::bool, $6::timestamptz, $7::timestamptz, $8::bigint,
        $9::bigint, $10::bigint, $11::bigint, $12::bigint, coalesce($13::text::jsonb, '{}'), $14::text, $15::text)
ON CONFLICT (instance) DO UPDATE SET
    batch_number = CASE WHEN b.run IS DISTINCT FROM excluded.run THEN 0 ELSE b.batch_number END,
    run = excluded.run,
    version = excluded.version,
    started_at = excluded.started_at,
    heartbeat_at = excluded.heartbeat_at,
    stopped_at = NULL,
    broker_connected = excluded.broker_connected,
    listening_since = excluded.listening_since,
    heard_until = excluded.heard_until,
    queue_messages = excluded.queue_messages,
    queue_bytes = excluded.queue_bytes,
    queue_max_bytes = excluded.queue_max_bytes,
    lag_us = excluded.lag_us,
    rss_bytes = excluded.rss_bytes,
    details = excluded.details,
    source = excluded.source,
    queue = excluded.queue
RETURNING (SELECT run <> $2::text FROM before) IS TRUE,
    (SELECT count(*) FROM bridge_instances o
     WHERE o.source = $14::text AND o.queue = $15::text AND o.instance <> $1::text AND o.broker_connected
         AND o.heartbeat_at > now() - make_interval(secs => $16::bigint)) + $5::bool::int
