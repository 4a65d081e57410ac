-- What was found out of rows ($1 ids, as they were at $2 updated_at): $3 whether the worker does not have the task,
-- $4 why it is lost, or NULL, $5 whether the worker has it against what the row says: a verdict is taken back, a task
-- in RETRY runs, $6 whether its worker has come back since and still claims to have it: its end may have been said into
-- a connection that was lost. A row that changed meanwhile keeps its change: the event that came knows better.
--
-- lost_at is the present on the worker's own time line: its last stamp plus the time since then. So it is later than
-- every stamp of the row, also where the worker's clock is ahead of ours, and earlier than whatever that worker
-- stamps from now on, also where its clock is behind. A task in RETRY that runs was taken up before its last
-- attempt's end was stamped, and then it began: not after what makes it wait. Returns how many rows are lost now, and
-- how many were found again.
WITH told AS (
    SELECT * FROM unnest($1::int8[], $2::timestamptz[], $3::bool[], $4::text[], $5::bool[], $6::bool[])
        AS e (id, updated_at, missing, reason, found, stalled)
), locked AS (
    SELECT t.id, told.missing, told.reason, told.found, told.stalled
    FROM background_task_trackers t JOIN told ON t.id = told.id AND t.updated_at = told.updated_at
    WHERE t.celery_state IN ('PENDING', 'RECEIVED', 'STARTED', 'PROGRESS', 'RETRY', 'LOST')
        AND NOT (told.stalled AND coalesce(t.stalled_since > t.updated_at, false))
    ORDER BY t.task_id
    FOR UPDATE OF t
), changed AS (
    UPDATE background_task_trackers t SET
        missing_since = CASE WHEN NOT locked.missing THEN NULL
                             WHEN t.missing_since > t.updated_at THEN t.missing_since
                             ELSE now() END,
        stalled_since = CASE WHEN locked.stalled THEN now() ELSE t.stalled_since END,
        lost_at = CASE WHEN locked.found THEN NULL
                       WHEN locked.reason IS NULL THEN t.lost_at
                       ELSE greatest(t.lost_at,
                                     greatest(t.sent_at, t.received_at, t.began_at, t.retried_at, t.requeued_at, t.cancelled_at,
                                              t.failed_at, t.revoked_at, t.rejected_at, t.alive_at)
                                     + greatest(now() - t.updated_at, interval '1 microsecond')) END,
        lost_reason = CASE WHEN locked.found THEN NULL ELSE coalesce(locked.reason, t.lost_reason) END,
        began_at = CASE WHEN locked.found AND t.celery_state = 'RETRY'
                        THEN greatest(t.began_at, t.received_at, t.retried_at, t.requeued_at, t.cancelled_at)
                        ELSE t.began_at END,
        updated_at = CASE WHEN locked.found OR locked.reason IS NOT NULL THEN now() ELSE t.updated_at END,
        company_before = t.company_key
    FROM locked WHERE t.id = locked.id
    RETURNING t.company_key, locked.reason IS NOT NULL AS lost, locked.found
), woken AS MATERIALIZED (
    SELECT count(pg_notify('taskbridge_company', company_key))
    FROM (SELECT DISTINCT company_key FROM changed WHERE (lost OR found) AND company_key IS NOT NULL) companies
)
SELECT (SELECT count(*) FROM changed WHERE lost), (SELECT count(*) FROM changed WHERE found), (SELECT * FROM woken)
