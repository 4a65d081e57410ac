-- The functions of this schema read $2 as the setting $1.
INSERT INTO settings AS s (name, value) VALUES ($1::text, $2::text)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE s.value <> excluded.value
