-- Token $1 is good no more. One row, unless there is none or it was revoked before.
UPDATE api_tokens SET revoked_at = now() WHERE id = $1::bigint AND revoked_at IS NULL RETURNING id
