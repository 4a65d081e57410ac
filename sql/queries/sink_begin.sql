-- $1 is where this daemon hears, its broker and vhost: workers are known by it.
-- First in a batch's transaction: it tells of changed companies itself, at its end, and no trigger has to.
SELECT set_config('taskbridge.told', 'on', true), set_config('taskbridge.source', $1::text, true)
