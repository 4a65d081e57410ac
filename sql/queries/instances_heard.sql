-- What all daemons that consume queue $2 of broker $1 and were heard of within $3 seconds have heard: how many they are,
-- since when the last one that began, and until when the one that heard least; NULL where one does not hear at all.
SELECT count(*),
    CASE WHEN count(*) = count(listening_since) THEN (extract(epoch FROM max(listening_since)) * 1000000)::bigint END,
    CASE WHEN count(*) = count(listening_since) THEN (extract(epoch FROM min(heard_until)) * 1000000)::bigint END
FROM bridge_instances
WHERE source = $1::text AND queue = $2::text AND broker_connected
    AND heartbeat_at > now() - make_interval(secs => $3::bigint)
