-- One batch's worker events: the values of the event with the greatest stamp, the counts of the latest that had some
-- (an on-demand heartbeat has none), and the greatest stamp of each kind; ties as in core/worker.c. $1..$18 are
-- arrays, one element a worker, sorted by hostname; one that would hold NULLs only may be NULL itself.
INSERT INTO celery_workers AS w (
    hostname, seen_at, heard_at, skew_us, pid, freq_seconds, counted_at, active, processed, loadavg, sw_ident, sw_ver,
    sw_sys, online_at, heartbeat_at, offline_at)
SELECT hostname, seen_at, heard_at, skew_us, pid, freq_seconds, counted_at, active, processed,
    CASE WHEN counted_at IS NOT NULL THEN ARRAY[load1, load5, load15] END, sw_ident, sw_ver, sw_sys, online_at,
    heartbeat_at, offline_at
FROM unnest(
    $1::text[], $2::timestamptz[], $3::timestamptz[], $4::int8[], $5::int8[], $6::float8[], $7::timestamptz[],
    $8::int8[], $9::int8[], $10::float8[], $11::float8[], $12::float8[], $13::text[], $14::text[], $15::text[],
    $16::timestamptz[], $17::timestamptz[], $18::timestamptz[])
    AS e (hostname, seen_at, heard_at, skew_us, pid, freq_seconds, counted_at, active, processed, load1, load5, load15,
          sw_ident, sw_ver, sw_sys, online_at, heartbeat_at, offline_at)
ON CONFLICT (source, hostname) DO UPDATE SET
    heard_at = greatest(w.heard_at, excluded.heard_at),
    online_at = greatest(w.online_at, excluded.online_at),
    heartbeat_at = greatest(w.heartbeat_at, excluded.heartbeat_at),
    offline_at = greatest(w.offline_at, excluded.offline_at),
    (seen_at, pid, skew_us, freq_seconds, sw_ident, sw_ver, sw_sys) = (
        SELECT * FROM (VALUES
            (w.seen_at, w.pid, w.skew_us, w.freq_seconds, w.sw_ident, w.sw_ver, w.sw_sys),
            (excluded.seen_at, excluded.pid, excluded.skew_us, excluded.freq_seconds, excluded.sw_ident,
             excluded.sw_ver, excluded.sw_sys)) AS described
        ORDER BY 1 DESC NULLS LAST, 2 DESC NULLS LAST, 3, 4 DESC NULLS LAST, 5 DESC NULLS LAST, 6 DESC NULLS LAST,
            7 DESC NULLS LAST
        LIMIT 1),
    (counted_at, processed, active, loadavg) = (
        SELECT counted_at, processed, active, loadavg FROM (VALUES
            (w.counted_at, w.processed, w.active, w.loadavg),
            (excluded.counted_at, excluded.processed, excluded.active, excluded.loadavg))
            AS counted (counted_at, processed, active, loadavg)
        ORDER BY counted_at DESC NULLS LAST, processed DESC NULLS LAST, active DESC NULLS LAST,
            loadavg[1] DESC NULLS LAST, loadavg[2] DESC NULLS LAST, loadavg[3] DESC NULLS LAST
        LIMIT 1)
