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
ON CONFLICT (hostname) DO UPDATE SET
    seen_at = greatest(w.seen_at, excluded.seen_at),
    heard_at = greatest(w.heard_at, excluded.heard_at),
    skew_us = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.skew_us ELSE w.skew_us END,
    pid = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.pid ELSE w.pid END,
    freq_seconds = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.freq_seconds ELSE w.freq_seconds END,
    counted_at = greatest(w.counted_at, excluded.counted_at),
    active = CASE WHEN (excluded.counted_at, excluded.processed) > (coalesce(w.counted_at, '-infinity'), w.processed)
        THEN excluded.active ELSE w.active END,
    processed = CASE WHEN (excluded.counted_at, excluded.processed) > (coalesce(w.counted_at, '-infinity'), w.processed)
        THEN excluded.processed ELSE w.processed END,
    loadavg = CASE WHEN (excluded.counted_at, excluded.processed) > (coalesce(w.counted_at, '-infinity'), w.processed)
        THEN excluded.loadavg ELSE w.loadavg END,
    sw_ident = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.sw_ident ELSE w.sw_ident END,
    sw_ver = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.sw_ver ELSE w.sw_ver END,
    sw_sys = CASE WHEN
            (excluded.seen_at, excluded.pid, -excluded.skew_us) > (coalesce(w.seen_at, '-infinity'), w.pid, -w.skew_us)
        THEN excluded.sw_sys ELSE w.sw_sys END,
    online_at = greatest(w.online_at, excluded.online_at),
    heartbeat_at = greatest(w.heartbeat_at, excluded.heartbeat_at),
    offline_at = greatest(w.offline_at, excluded.offline_at)
