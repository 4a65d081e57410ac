-- User $1 may see company $2. One row, unless that was so already.
INSERT INTO company_members (user_name, company_id) VALUES ($1::text, $2::text)
ON CONFLICT DO NOTHING RETURNING company_id
