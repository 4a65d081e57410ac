-- Tasks whose rule says "inherit" take the company of their root's row: those of this batch ($1, whose root may have
-- been there), and the children of what this batch brought a company for ($2, the root may have come later). Only
-- what the root itself has counts, so that no chain of rows can turn in a circle. A row that another transaction
-- holds is left for the daemons' next look (inherit_waiting.sql), for rows are locked here in a second round.
WITH wanted AS (
    SELECT child.id, child.task_id, coalesce(root.registered_company, root.event_company, root.rule_company) AS company
    FROM unnest($1::text[]) AS own (task_id)
    JOIN background_task_trackers child ON child.task_id = own.task_id
    JOIN background_task_trackers root ON root.task_id = child.root_id
    WHERE child.inherits_company AND child.root_id <> child.task_id
    UNION
    SELECT child.id, child.task_id, coalesce(root.registered_company, root.event_company, root.rule_company)
    FROM unnest($2::text[]) AS own (task_id)
    JOIN background_task_trackers child ON child.root_id = own.task_id
    JOIN background_task_trackers root ON root.task_id = own.task_id
    WHERE child.inherits_company AND child.root_id <> child.task_id
), locked AS (
    SELECT t.id, wanted.company
    FROM background_task_trackers t JOIN wanted ON wanted.id = t.id
    WHERE wanted.company IS NOT NULL AND t.inherited_company IS DISTINCT FROM wanted.company
    ORDER BY t.task_id
    FOR UPDATE OF t SKIP LOCKED
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
