-- Task $1 with all that is known of it; no row unless the scope allows it. Stamps in microseconds.
SELECT task_id, display_name, task_name, coalesce(task_type, substring(task_name FROM '[^.]*$')), status, celery_state,
    progress, progress_text, (extract(epoch FROM started_at) * 1000000)::bigint,
    (extract(epoch FROM completed_at) * 1000000)::bigint, error_message, company_key, retries, worker, queue, root_id,
    parent_id, args, kwargs, result, runtime_s, traceback, eta, expires, metadata,
    (extract(epoch FROM created_at) * 1000000)::bigint, (extract(epoch FROM updated_at) * 1000000)::bigint,
    (extract(epoch FROM sent_at) * 1000000)::bigint, (extract(epoch FROM received_at) * 1000000)::bigint,
    (extract(epoch FROM began_at) * 1000000)::bigint, (extract(epoch FROM retried_at) * 1000000)::bigint,
    (extract(epoch FROM requeued_at) * 1000000)::bigint, (extract(epoch FROM alive_at) * 1000000)::bigint,
    (extract(epoch FROM succeeded_at) * 1000000)::bigint, (extract(epoch FROM failed_at) * 1000000)::bigint,
    (extract(epoch FROM revoked_at) * 1000000)::bigint, (extract(epoch FROM rejected_at) * 1000000)::bigint,
    (extract(epoch FROM lost_at) * 1000000)::bigint
FROM background_task_trackers WHERE task_id = $1::text
