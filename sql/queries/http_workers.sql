-- Workers, with what of their last process's events never came. Stamps in microseconds.
SELECT w.hostname, w.pid, (extract(epoch FROM w.online_at) * 1000000)::bigint,
    (extract(epoch FROM w.heartbeat_at) * 1000000)::bigint, (extract(epoch FROM w.offline_at) * 1000000)::bigint,
    (extract(epoch FROM w.heard_at) * 1000000)::bigint, w.skew_us, w.freq_seconds, w.active, w.processed,
    w.loadavg[1], w.loadavg[2], w.loadavg[3], w.sw_ident, w.sw_ver, w.sw_sys, coalesce(m.missed, 0)
FROM celery_workers w LEFT JOIN worker_missed_events m ON m.hostname = w.hostname AND m.pid = w.pid
ORDER BY w.hostname
