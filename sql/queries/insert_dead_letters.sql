-- One batch's dead letters, of instance $1. Batch $3 of its run $2 may have been committed before, its answer lost.
-- One that came redelivered may have been written by another batch: then the same letter is there already. Of a kind
-- $13 letters and $14 bytes are kept; what comes beyond is counted. The kinds' rows are locked first, in one order, so
-- that daemons count one after the other.
WITH came AS (
    SELECT e.*, coalesce(e.body, '') AS bytes, left(coalesce(e.content_type, ''), 120) AS own_type,
        dead_letter_kind(e.reason) AS own_kind
    FROM ROWS FROM (unnest($4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[],
                           $11::bool[], $12::bool[])) WITH ORDINALITY
        AS e (received_at, routing_key, content_type, content_encoding, headers, body, reason, redelivered, masked, place)
    WHERE NOT EXISTS (SELECT FROM bridge_instances b
                      WHERE b.instance = $1::text AND b.run = $2::text AND b.batch_number >= $3::bigint)
        AND NOT (e.redelivered AND EXISTS (
            SELECT FROM dead_letters d
            WHERE d.body_sha256 = sha256(coalesce(e.body, '')) AND d.body = coalesce(e.body, '')
                AND d.routing_key IS NOT DISTINCT FROM e.routing_key AND d.reason = e.reason))
), known AS MATERIALIZED (
    SELECT content_type, kind, kept, kept_bytes FROM dead_letter_kinds
    WHERE (content_type, kind) IN (SELECT own_type, own_kind FROM came)
    ORDER BY content_type, kind FOR UPDATE
), ranked AS (
    SELECT came.*, known.kind IS NOT NULL AS is_known, known.kept, known.kept_bytes,
        dense_rank() OVER (PARTITION BY known.kind IS NULL ORDER BY own_type, own_kind) AS place_of_kind
    FROM came LEFT JOIN known ON known.content_type = own_type AND known.kind = own_kind
), named AS (
    SELECT ranked.*, is_known OR place_of_kind <= 1000 - (SELECT count(*) FROM dead_letter_kinds) AS has_kind
    FROM ranked
), weighed AS (
    SELECT *, CASE WHEN has_kind THEN own_type ELSE '' END AS kind_type, CASE WHEN has_kind THEN own_kind ELSE '' END AS kind,
        has_kind AND coalesce(kept, 0) + row_number() OVER kinds <= $13::bigint
            AND coalesce(kept_bytes, 0) + sum(length(bytes)) OVER kinds <= $14::bigint AS is_kept
    FROM named WINDOW kinds AS (PARTITION BY own_type, own_kind ORDER BY place)
), counted AS (
    INSERT INTO dead_letter_kinds AS k (content_type, kind, kept, kept_bytes, dropped, dropped_bytes)
    SELECT kind_type, kind, count(*) FILTER (WHERE is_kept), coalesce(sum(length(bytes)) FILTER (WHERE is_kept), 0),
        count(*) FILTER (WHERE NOT is_kept), coalesce(sum(length(bytes)) FILTER (WHERE NOT is_kept), 0)
    FROM weighed GROUP BY kind_type, kind ORDER BY kind_type, kind
    ON CONFLICT (content_type, kind) DO UPDATE SET
        kept = k.kept + excluded.kept,
        kept_bytes = k.kept_bytes + excluded.kept_bytes,
        dropped = k.dropped + excluded.dropped,
        dropped_bytes = k.dropped_bytes + excluded.dropped_bytes,
        last_at = now()
)
INSERT INTO dead_letters (instance, received_at, routing_key, content_type, content_encoding, headers, body, reason,
                          masked, kind_type, kind)
SELECT $1::text, received_at, routing_key, content_type, content_encoding, dead_letter_headers(headers), bytes, reason,
    coalesce(masked, false), kind_type, kind
FROM weighed WHERE is_kept ORDER BY place
