-- Instance $1 ends its run $2.
UPDATE bridge_instances SET stopped_at = now(), heartbeat_at = now(), broker_connected = false, listening_since = NULL
WHERE instance = $1::text AND run = $2::text
