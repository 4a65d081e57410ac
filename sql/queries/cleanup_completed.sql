-- Deletes rows that ended more than $1 seconds ago, at most $2, the oldest first; but not the root of a flow of which
-- another row ended later or has not ended. And as many again, ended or not, of companies that were removed of late.
-- Rows in use are left for the next time, so that no event waits for this. Where tasks inherit, a root's company stays for
-- steps that come later still, for 90 days, as statistics do. Returns how many went; their companies are notified.
WITH doomed AS (
    SELECT id FROM background_task_trackers t
    WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(secs => $1::float8)
        AND NOT EXISTS (
            SELECT FROM background_task_trackers step
            WHERE step.root_id = t.task_id AND step.root_id <> step.task_id
                AND (step.completed_at IS NULL OR step.completed_at >= now() - make_interval(secs => $1::float8)))
    ORDER BY completed_at, id LIMIT $2::bigint
    FOR UPDATE OF t SKIP LOCKED
), removed AS (
    SELECT id FROM companies_removed WHERE removed_at > now() - interval '30 days'
), active AS (
    SELECT t.id FROM removed r CROSS JOIN LATERAL (
        SELECT id FROM background_task_trackers WHERE company_key = r.id AND completed_at IS NULL
        LIMIT $2::bigint FOR UPDATE SKIP LOCKED) t
    LIMIT $2::bigint
), completed AS (
    SELECT t.id FROM removed r CROSS JOIN LATERAL (
        SELECT id FROM background_task_trackers WHERE company_key = r.id AND completed_at IS NOT NULL
        LIMIT $2::bigint FOR UPDATE SKIP LOCKED) t
    LIMIT $2::bigint
), deleted AS (
    DELETE FROM background_task_trackers t
    USING (SELECT id FROM doomed UNION SELECT id FROM active UNION SELECT id FROM completed) gone
    WHERE t.id = gone.id
    RETURNING t.company_key, t.task_id, t.root_id,
        coalesce(t.registered_company, t.event_company, t.rule_company) AS own_company
), kept AS (
    INSERT INTO flow_companies (root_id, company)
    SELECT task_id, own_company FROM deleted
    WHERE own_company IS NOT NULL AND coalesce(root_id, task_id) = task_id
        AND own_company NOT IN (SELECT id FROM removed)
        AND (EXISTS (SELECT FROM background_task_trackers WHERE inherits_company)
             OR EXISTS (SELECT FROM flow_companies))
    ORDER BY task_id
    ON CONFLICT (root_id) DO UPDATE SET company = excluded.company, kept_at = now()
), old_stats AS (
    DELETE FROM task_stats WHERE bucket < now() - interval '90 days'
), old_flows AS (
    DELETE FROM flow_companies WHERE kept_at < now() - interval '90 days'
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM deleted WHERE company_key IS NOT NULL) companies
)
SELECT count(*), (SELECT * FROM woken) FROM deleted
