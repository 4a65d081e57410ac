-- What is known of task $1, by the names of its columns, in their order, without those that are not known. Stamps as
-- people write them, in UTC.
SELECT a.attname::text, j.value
FROM background_task_trackers t
    CROSS JOIN LATERAL jsonb_each_text(to_jsonb(t)) j
    JOIN pg_attribute a ON a.attrelid = 'background_task_trackers'::regclass AND a.attname = j.key
WHERE t.task_id = $1::text AND j.value IS NOT NULL AND NOT (j.key = 'metadata' AND j.value = '{}')
ORDER BY a.attnum
