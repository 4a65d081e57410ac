-- Rows of the product's own table, which 0001 put aside, are kept: as facts from which the same is seen.
--
-- A row of which this is not true stops the migration, because nothing would be worse than a changed past that nobody
-- noticed. Two differences are none: an error text '' becomes NULL, and a display name that was absent may appear.
DO $$
DECLARE
    bad record;
BEGIN
    IF to_regclass(format('%I.background_task_trackers_before', current_schema())) IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO background_task_trackers (
        id, task_id, created_at, updated_at, registered_at, registered_company, registered_name,
        registered_display_name, metadata, began_at, retried_at, progress_at, progress_value, succeeded_at,
        failed_at, error)
    SELECT id, task_id, created_at, updated_at, created_at, company_id::text, task_name, display_name,
        metadata::text::jsonb, started_at,
        CASE WHEN status = 'pending' AND started_at IS NOT NULL
            THEN greatest(started_at + interval '1 microsecond', updated_at) END,
        CASE WHEN progress > 0 THEN
            greatest(created_at, started_at + interval '1 microsecond', updated_at) END,
        CASE WHEN progress > 0 THEN progress END,
        CASE WHEN status = 'success' THEN completed_at END,
        CASE WHEN status = 'failed' THEN completed_at END,
        CASE WHEN status = 'failed' THEN nullif(error_message, '') END
    FROM background_task_trackers_before;

    SELECT old.task_id, old.status, count(*) OVER () AS rows,
        concat_ws(', ',
            CASE WHEN new.status IS DISTINCT FROM old.status::text THEN 'status' END,
            CASE WHEN new.progress IS DISTINCT FROM coalesce(old.progress, 0)::integer THEN 'progress' END,
            CASE WHEN new.started_at IS DISTINCT FROM old.started_at THEN 'started_at' END,
            CASE WHEN new.completed_at IS DISTINCT FROM old.completed_at THEN 'completed_at' END,
            CASE WHEN new.error_message IS DISTINCT FROM nullif(old.error_message, '') THEN 'error_message' END,
            CASE WHEN new.company_key IS DISTINCT FROM old.company_id::text THEN 'company_id' END,
            CASE WHEN new.task_name IS DISTINCT FROM old.task_name THEN 'task_name' END,
            CASE WHEN old.display_name IS NOT NULL AND new.display_name <> old.display_name THEN 'display_name' END)
            AS differs
    INTO bad
    FROM background_task_trackers_before old JOIN background_task_trackers new USING (id)
    WHERE (new.status, new.progress, new.started_at, new.completed_at, new.error_message, new.company_key,
           new.task_name, new.display_name) IS DISTINCT FROM
          (old.status::text, coalesce(old.progress, 0)::integer, old.started_at, old.completed_at,
           nullif(old.error_message, ''), old.company_id::text, old.task_name,
           coalesce(old.display_name, new.display_name))
    ORDER BY old.id LIMIT 1;
    IF bad IS NOT NULL THEN
        RAISE EXCEPTION 'the row with task_id % (status %) of the product''s background_task_trackers can''t be taken '
                        'over: its % would change; correct or delete it (% such in all)',
                        quote_literal(bad.task_id), bad.status, bad.differs, bad.rows;
    END IF;
    PERFORM setval(pg_get_serial_sequence('background_task_trackers', 'id'),
                   greatest((SELECT max(id) FROM background_task_trackers), 1));
END
$$;
