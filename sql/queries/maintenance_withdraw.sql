-- Takes request $1 back. One row, unless a daemon has begun it.
DELETE FROM maintenance_runs WHERE id = $1::bigint AND outcome = 'requested' RETURNING id
