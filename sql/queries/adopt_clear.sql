-- The batch before this one is done with.
TRUNCATE adopt_rows
