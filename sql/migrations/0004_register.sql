-- tracker_register: how the product says what a task is and whose. Before, between or after its events: the row is
-- made or completed under its own lock, in the caller's transaction, and the company hears of it when that commits.

-- Tasks whose rule says "inherit" take the company of their root's row, which here has just learnt it.
CREATE FUNCTION tracker_inherit(roots text[]) RETURNS void
LANGUAGE sql AS $$
WITH changed AS (
    UPDATE background_task_trackers child SET
        inherited_company = coalesce(root.registered_company, root.event_company, root.rule_company),
        company_before = child.company_key
    FROM background_task_trackers root
    WHERE root.task_id = ANY (roots) AND child.root_id = root.task_id AND child.inherits_company
        AND child.task_id <> root.task_id
        AND child.inherited_company IS DISTINCT FROM
            coalesce(root.registered_company, root.event_company, root.rule_company)
    RETURNING child.company_key, child.company_before
)
SELECT pg_notify('taskbridge_company', company)
FROM (SELECT company_key FROM changed UNION SELECT company_before FROM changed) touched (company)
WHERE company IS NOT NULL
$$;

-- The product registers a task. Before, between or after its events: the row is made or completed under its own lock.
CREATE FUNCTION tracker_register(company_id text, task_id text, task_name text, display_name text DEFAULT NULL,
                                 metadata jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    company text := tracker_register.company_id;
    found_id bigint;
    before text;
BEGIN
    IF company IS NULL OR company = '' OR length(company) > 255 THEN
        RAISE EXCEPTION 'tracker_register: company_id must have 1 to 255 characters, it has %',
            coalesce(length(company)::text, 'none: it is NULL') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF tracker_register.task_id IS NULL OR tracker_register.task_id = '' OR length(tracker_register.task_id) > 255 THEN
        RAISE EXCEPTION 'tracker_register: task_id must have 1 to 255 characters, it has %',
            coalesce(length(tracker_register.task_id)::text, 'none: it is NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- As events bring it: a UUID in lower case.
    IF company ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        company := lower(company);
    END IF;
    INSERT INTO background_task_trackers AS t (task_id, registered_company, registered_name, registered_display_name,
                                               registered_at, metadata)
    VALUES (tracker_register.task_id, company, nullif(tracker_register.task_name, ''),
            nullif(tracker_register.display_name, ''), now(), coalesce(tracker_register.metadata, '{}'))
    ON CONFLICT (task_id) DO UPDATE SET
        updated_at = now(),
        registered_company = excluded.registered_company,
        registered_name = excluded.registered_name,
        registered_display_name = excluded.registered_display_name,
        registered_at = excluded.registered_at,
        metadata = excluded.metadata,
        company_before = t.company_key
    RETURNING t.id, t.company_before INTO found_id, before;
    PERFORM pg_notify('taskbridge_company', company);
    IF before <> company THEN
        PERFORM pg_notify('taskbridge_company', before);
    END IF;
    PERFORM tracker_inherit(ARRAY[tracker_register.task_id]);
    RETURN found_id;
END
$$;

CREATE FUNCTION tracker_register(company_id bigint, task_id text, task_name text, display_name text DEFAULT NULL,
                                 metadata jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$
SELECT tracker_register(company_id::text, task_id, task_name, display_name, metadata)
$$;

-- Whoever calls it needs no right on the table; and looks nothing up in the caller's search_path.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['tracker_inherit(text[])', 'tracker_register(text, text, text, text, jsonb)',
                                     'tracker_register(bigint, text, text, text, jsonb)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', signature);
    END LOOP;
END
$$;
