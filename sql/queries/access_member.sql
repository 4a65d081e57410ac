-- Whether user $1, whom somebody else vouches for, may see company $2.
SELECT token_may_see($1::text, 'companies', NULL, $2::text)
