-- Whether user $1, whom somebody else vouches for, may see company $2.
SELECT EXISTS (SELECT FROM company_members m WHERE m.user_name = $1::text AND m.company_id = $2::text)
