-- Whether the bearer of a token that was signed for user $1 ('': nobody in particular) at $3 (seconds since the epoch) may
-- see company $2, which it names.
SELECT signature_may_see($1::text, $2::text, to_timestamp($3::double precision))
