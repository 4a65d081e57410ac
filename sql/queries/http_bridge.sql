-- How far what is shown can be trusted: up to when all that was said is in the database (microseconds; NULL: nobody
-- knows), and whether that is long ago by our own clock, or no daemon lives.
SELECT (extract(epoch FROM min(heard_until)) * 1000000)::bigint,
    coalesce(min(heard_until) < clock_timestamp() - interval '30 seconds', true)
FROM bridge_instances
WHERE stopped_at IS NULL AND heartbeat_at > clock_timestamp() - interval '30 seconds'
