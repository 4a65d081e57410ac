-- Back from migrate_owner.sql: only who has the right may make roles.
RESET ROLE
