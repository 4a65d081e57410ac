-- User $1 may not see company $2 any more. One row, unless that was so already.
DELETE FROM company_members WHERE user_name = $1::text AND company_id = $2::text RETURNING company_id
