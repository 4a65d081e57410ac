-- Dead letter $1 was published again.
UPDATE dead_letters SET retried_at = now() WHERE id = $1::bigint
