-- What inherit_companies.sql had to leave: at most $1 rows take what they inherit. Returns how many.
SELECT tracker_inherit(ARRAY(
    SELECT child.task_id
    FROM background_task_trackers child
    LEFT JOIN background_task_trackers root ON root.task_id = child.root_id AND root.task_id <> child.task_id
    WHERE child.inherits_company
        AND CASE WHEN coalesce(root.registered_company, root.event_company, root.rule_company) IS NOT NULL
            THEN child.inherited_company IS DISTINCT FROM
                coalesce(root.registered_company, root.event_company, root.rule_company)
            ELSE child.inherited_company IS NULL
                AND tracker_inherited(child.task_id, child.root_id, child.parent_id) IS NOT NULL END
    ORDER BY child.task_id
    LIMIT $1::bigint), '{}', '{}', '{}')
