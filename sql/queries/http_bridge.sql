-- The daemons, with their counters. Stamps in microseconds.
SELECT instance, version, (extract(epoch FROM started_at) * 1000000)::bigint,
    (extract(epoch FROM heartbeat_at) * 1000000)::bigint, (extract(epoch FROM committed_at) * 1000000)::bigint,
    (extract(epoch FROM stopped_at) * 1000000)::bigint, batches, deliveries, redelivered, events, task_events,
    worker_events, unknown_events, dead, bytes, rows_written, broker_connected, queue_messages, queue_bytes,
    queue_max_bytes, lag_us, rss_bytes, details
FROM bridge_instances ORDER BY instance
