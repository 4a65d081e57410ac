-- All companies: id, name, when added, how many users see it, how many tasks it has.
SELECT c.id, c.name, (extract(epoch FROM c.created_at) * 1000000)::bigint,
    (SELECT count(*) FROM company_members m WHERE m.company_id = c.id),
    (SELECT count(*) FROM background_task_trackers t WHERE t.company_key = c.id AND t.completed_at IS NULL)
        + (SELECT count(*) FROM background_task_trackers t WHERE t.company_key = c.id AND t.completed_at IS NOT NULL)
FROM companies c ORDER BY c.id
