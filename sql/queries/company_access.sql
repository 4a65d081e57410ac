-- One row if user $1 may see company $2 by the standalone tables.
SELECT 1 FROM company_members m WHERE m.user_name = $1::text AND m.company_id = $2::text
