-- The daemons, with their counters and how long each has been silent. Stamps and times in microseconds.
SELECT instance, version, (extract(epoch FROM started_at) * 1000000)::bigint,
    (extract(epoch FROM heartbeat_at) * 1000000)::bigint, (extract(epoch FROM committed_at) * 1000000)::bigint,
    (extract(epoch FROM stopped_at) * 1000000)::bigint,
    (extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000000)::bigint, batches, deliveries, redelivered, events,
    task_events, worker_events, unknown_events, dead, bytes, rows_written, broker_connected,
    coalesce(queue_messages, -1), coalesce(queue_bytes, -1), coalesce(queue_max_bytes, -1), coalesce(lag_us, -1),
    coalesce(rss_bytes, -1), details
FROM bridge_instances ORDER BY instance
