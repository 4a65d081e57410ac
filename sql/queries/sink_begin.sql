-- First in a batch's transaction: it tells of changed companies itself, at its end, and no trigger has to.
SELECT set_config('taskbridge.told', 'on', true)
