-- What the functions of the database were told of company.format; no row where nobody told them.
SELECT value FROM settings WHERE name = 'company.format'
