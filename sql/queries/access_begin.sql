-- Before a question about who may see what, in its transaction: it only reads, for $1 milliseconds at most, and finds the
-- product's tables where the product's own sessions do, if $2.
SELECT set_config('transaction_read_only', 'on', true), set_config('statement_timeout', $1::text, true),
    CASE WHEN $2::boolean THEN set_config('search_path', '"$user", public', true) END
