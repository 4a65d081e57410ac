-- Whether company $1 is known by name.
SELECT EXISTS (SELECT FROM companies WHERE id = $1::text)
