-- One batch's dead letters, of instance $1. Batch $3 of its run $2 may have been committed before, its answer lost.
-- One that came redelivered may have been written by another batch: then the same letter is there already.
INSERT INTO dead_letters (instance, received_at, routing_key, content_type, content_encoding, headers, body, reason,
    masked)
SELECT $1::text, received_at, routing_key, content_type, content_encoding, dead_letter_headers(headers),
    coalesce(body, ''), reason, coalesce(masked, false)
FROM unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[], $11::bool[],
            $12::bool[])
    AS e (received_at, routing_key, content_type, content_encoding, headers, body, reason, redelivered, masked)
WHERE NOT EXISTS (SELECT FROM bridge_instances b
                  WHERE b.instance = $1::text AND b.run = $2::text AND b.batch_number >= $3::bigint)
    AND NOT (e.redelivered AND EXISTS (
        SELECT FROM dead_letters d
        WHERE d.body_sha256 = sha256(coalesce(e.body, '')) AND d.body = coalesce(e.body, '')
            AND d.routing_key IS NOT DISTINCT FROM e.routing_key AND d.reason = e.reason))
