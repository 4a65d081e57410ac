-- One batch's dead letters, of instance $1.
INSERT INTO dead_letters (instance, received_at, routing_key, content_type, content_encoding, headers, body, reason)
SELECT $1::text, received_at, routing_key, content_type, content_encoding, dead_letter_headers(headers),
    coalesce(body, ''), reason
FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[])
    AS e (received_at, routing_key, content_type, content_encoding, headers, body, reason)
