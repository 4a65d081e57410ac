-- One batch's setbacks, after its rows were written: $1..$7 are arrays, one element a setback, and $8 and $9, likewise,
-- the class and place of its failure. One that is there already changes nothing, and is not counted again.
WITH brought AS (
    SELECT DISTINCT ON (task_id, ended_at, kind, worker, error, traceback)
        task_id, ended_at, kind, coalesce(worker, '') AS worker, error, traceback, fingerprint, exception, place
    FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[])
        AS e (task_id, ended_at, kind, worker, error, traceback, fingerprint, exception, place)
), added AS (
    INSERT INTO task_attempts (task_id, ended_at, kind, worker, error, traceback, fingerprint)
    SELECT task_id, ended_at, kind, worker, error, traceback, fingerprint FROM brought
    ORDER BY task_id, ended_at, kind
    ON CONFLICT DO NOTHING
    RETURNING task_id, ended_at, kind, worker, error, fingerprint
), counted AS (
    SELECT a.fingerprint, min(b.exception) AS exception, min(b.place) AS place,
        (array_agg(a.error ORDER BY a.ended_at DESC, a.error DESC))[1] AS sample, count(DISTINCT (a.task_id, a.ended_at, a.worker, a.error)) AS count,
        min(a.ended_at) AS first_seen_at, max(a.ended_at) AS last_seen_at,
        array_agg(DISTINCT t.company_key) AS companies, array_agg(DISTINCT w.sw_ver) AS versions,
        array_agg(DISTINCT t.task_type) AS task_types
    FROM added a
    JOIN (SELECT DISTINCT ON (fingerprint) fingerprint, exception, place FROM brought
          ORDER BY fingerprint, exception, place) b USING (fingerprint)
    JOIN background_task_trackers t USING (task_id)
    LEFT JOIN celery_workers w ON w.hostname = a.worker
    GROUP BY a.fingerprint
)
INSERT INTO failures AS f (fingerprint, exception, place, sample, count, first_seen_at, last_seen_at, companies, versions,
                           task_types)
SELECT fingerprint, exception, place, sample, count, first_seen_at, last_seen_at, texts_united(companies, '{}'),
    texts_united(versions, '{}'), texts_united(task_types, '{}')
FROM counted ORDER BY fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET
    sample = CASE WHEN excluded.last_seen_at >= f.last_seen_at THEN excluded.sample ELSE f.sample END,
    count = f.count + excluded.count,
    first_seen_at = least(f.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(f.last_seen_at, excluded.last_seen_at),
    companies = texts_united(f.companies, excluded.companies),
    versions = texts_united(f.versions, excluded.versions),
    task_types = texts_united(f.task_types, excluded.task_types)
