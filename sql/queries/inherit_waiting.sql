-- What inherit_companies.sql had to leave: at most $1 rows take their root's company. Returns how many.
WITH locked AS (
    SELECT child.id, coalesce(root.registered_company, root.event_company, root.rule_company) AS company
    FROM background_task_trackers child
    JOIN background_task_trackers root ON root.task_id = child.root_id AND root.task_id <> child.task_id
    WHERE child.inherits_company
        AND coalesce(root.registered_company, root.event_company, root.rule_company) IS NOT NULL
        AND child.inherited_company IS DISTINCT FROM
            coalesce(root.registered_company, root.event_company, root.rule_company)
    ORDER BY child.task_id
    LIMIT $1::bigint
    FOR UPDATE OF child SKIP LOCKED
), changed AS (
    UPDATE background_task_trackers t SET inherited_company = locked.company, company_before = t.company_key
    FROM locked WHERE t.id = locked.id
    RETURNING t.company_key, t.company_before
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company))
    FROM (SELECT company_key FROM changed UNION SELECT company_before FROM changed) touched (company)
    WHERE company IS NOT NULL
)
SELECT count(*), (SELECT * FROM woken) FROM changed
