-- Company $1 is named $2. Whoever watches it hears of the name.
WITH added AS (
    INSERT INTO companies AS c (id, name) VALUES ($1::text, $2::text)
    ON CONFLICT (id) DO UPDATE SET name = excluded.name
    RETURNING id
)
SELECT pg_notify('taskbridge_company', id) FROM added
