-- A token of user $1 with scope $2, of whose key the SHA-256 is $3; valid until $4, or for ever. Returns its id.
INSERT INTO api_tokens (user_name, scope, token_sha256, expires_at)
VALUES ($1::text, $2::text, $3::bytea, $4::timestamptz) RETURNING id
