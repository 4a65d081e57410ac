-- Why task $1 is what it is: each fact, the earliest first, as what it is, when (microseconds, NULL where it has no
-- time) and what came with it; before them the state and the rule that decided it, after them the company and how it is
-- known. The rules are those of tracker_celery_state, told in words.
WITH task AS (
    SELECT t.*, coalesce(greatest(received_at, began_at), '-infinity') AS begun,
        coalesce(greatest(received_at, retried_at, requeued_at, cancelled_at), '-infinity') AS waits_since
    FROM background_task_trackers t WHERE task_id = $1::text
), facts AS (
    SELECT f.name, f.at, f.told
    FROM task, LATERAL (VALUES
        ('task-sent', sent_at, concat_ws(', ', 'queue ' || queue, 'root ' || nullif(root_id, task_id))),
        ('task-received', received_at, 'by ' || worker),
        ('task-started', began_at, 'by ' || worker),
        ('first sign of life', first_alive_at, NULL),
        ('last sign of life', alive_at, NULL),
        ('task-progress', progress_at, progress_value::text),
        ('text of progress', text_at, progress_note),
        ('task-retried', retried_at, 'retries ' || retries),
        ('task-rejected, to be queued again', requeued_at, NULL),
        ('task-cancelled', cancelled_at, NULL),
        ('task-succeeded', succeeded_at, concat_ws(', ', 'ran ' || runtime_s || ' s', left(result, 200))),
        ('task-failed', failed_at, left(error, 500)),
        ('task-revoked', revoked_at, revoke_text),
        ('task-rejected', rejected_at, NULL),
        ('its worker does not have it', missing_since, NULL),
        ('called lost by the bridge', lost_at, lost_reason),
        ('registered by the product', registered_at, NULL)) AS f (name, at, told)
    WHERE f.at IS NOT NULL
), told AS (
    SELECT 0 AS place, celery_state AS name, completed_at AS at, CASE celery_state
        WHEN 'SUCCESS' THEN 'it succeeded, which is final'
        WHEN 'REVOKED' THEN 'it was revoked after its latest attempt began'
        WHEN 'FAILURE' THEN 'it failed after its latest attempt began'
        WHEN 'REJECTED' THEN 'it was rejected after its latest attempt began'
        WHEN 'LOST' THEN 'the bridge called it lost, and nothing was heard of it since; any event takes that back'
        WHEN 'PROGRESS' THEN 'a sign of life came after it last began to wait'
        WHEN 'STARTED' THEN 'it started after it last began to wait'
        WHEN 'RETRY' THEN 'it waits for its next attempt'
        WHEN 'RECEIVED' THEN CASE WHEN received_at >= waits_since THEN 'a worker has it and has not started it'
            ELSE 'it was given back to its queue' END
        ELSE 'no worker has taken it yet' END AS told
    FROM task
    UNION ALL
    SELECT 1, name, at, nullif(told, '') FROM facts
    UNION ALL
    SELECT 2, 'company ' || company_key, NULL, CASE company_key
        WHEN registered_company THEN 'as the product registered it'
        WHEN event_company THEN 'as an event of the task said'
        WHEN rule_company THEN 'by a rule, out of its arguments'
        ELSE 'inherited from its root' END
    FROM task WHERE company_key IS NOT NULL
    UNION ALL
    SELECT 2, 'no company', NULL, CASE WHEN belongs_to_nobody THEN 'as its rule says' ELSE 'nothing told of one' END
    FROM task WHERE company_key IS NULL
)
SELECT name, (extract(epoch FROM at) * 1000000)::int8, told, place::int8 FROM told ORDER BY place, at, name
