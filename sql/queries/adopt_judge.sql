-- Why a row of the batch can't be taken: the first reason that holds. Nothing would be worse than a changed past that
-- nobody noticed, so whatever people would see otherwise is a reason, but for three differences: an error text of zero
-- length becomes none, a display name that was absent may appear, and so may the start of what runs.
UPDATE adopt_rows r SET reason = CASE
    WHEN r.task_id IS NULL OR r.task_id = '' THEN 'it has no task_id'
    WHEN length(r.task_id) > 255 THEN format('its task_id has %s characters, more than 255', length(r.task_id))
    WHEN r.old_rank > 1 THEN 'another row has the same task_id'
    WHEN r.old_company IS NULL THEN 'it has no company_id'
    WHEN r.registered_company IS NULL THEN
        format('its company_id %L is none that company.format (%s) allows', left(r.old_company, 80), company_format())
    WHEN EXISTS (SELECT FROM companies_removed c WHERE c.id = r.registered_company) THEN
        format('its company %s was removed', r.registered_company)
    WHEN r.old_status IS NULL OR r.old_status NOT IN ('pending', 'running', 'success', 'failed') THEN
        format('its status is %L, none of pending, running, success and failed', left(r.old_status, 80))
    WHEN r.created_at IS NULL THEN 'it has no created_at'
    WHEN EXISTS (SELECT FROM unnest(ARRAY[r.created_at, r.updated_at, r.old_started_at, r.old_completed_at]) stamp
                 WHERE stamp < '2000-01-01' OR stamp >= '2200-01-01') THEN 'a time of it lies outside 2000 to 2200'
    WHEN r.old_progress < 0 OR r.old_progress > 100 THEN format('its progress is %s', r.old_progress)
    WHEN r.old_status IN ('success', 'failed') AND r.old_completed_at IS NULL THEN
        format('it is %s and has no completed_at', r.old_status)
    WHEN r.old_status IN ('pending', 'running') AND r.old_completed_at IS NOT NULL THEN
        format('it is %s and has a completed_at', r.old_status)
    WHEN r.old_completed_at < r.old_started_at THEN 'it was completed before it was started'
    WHEN r.old_status = 'success' AND r.old_progress < 100 THEN format('it is success at %s %%', r.old_progress)
    WHEN r.old_status <> 'failed' AND r.old_error <> '' THEN format('it is %s and has an error_message', r.old_status)
    WHEN r.status <> r.old_status THEN format('it would be seen as %s, not %s', r.status, r.old_status)
    WHEN r.progress <> floor(coalesce(r.old_progress, r.progress)) THEN
        format('its progress would be seen as %s, not %s', r.progress, r.old_progress)
    WHEN r.started_at IS DISTINCT FROM r.old_started_at AND r.old_started_at IS NOT NULL THEN
        'its started_at would change'
    WHEN r.completed_at IS DISTINCT FROM r.old_completed_at THEN 'its completed_at would change'
    WHEN r.error_message IS DISTINCT FROM nullif(r.old_error, '') THEN 'its error_message would change' END
