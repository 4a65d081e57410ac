-- The rows of the batch that are left where they are, with their reasons.
SELECT old_id, task_id, reason FROM adopt_rows WHERE reason IS NOT NULL ORDER BY old_place
